#!/bin/bash
# kill -9 of a lab's parts, one after the other and at random moments, under traffic: everything goes on.
. "$(dirname "$0")/lablib" || exit 1
RANDOM=${SEED:-815}

cat >"$work/parts.yaml" <<'YAML'
name: parts
seed: 2
topology:
  nodes:
    r1:
      kind: router
      config: |
        interface eth0
         ip address 10.0.0.1 255.255.255.0
        interface eth1
         ip address 10.0.1.1 255.255.255.0
        ip dhcp excluded-address 10.0.0.1 10.0.0.99
        ip dhcp pool LAN
         network 10.0.0.0 255.255.255.0
         default-router 10.0.0.1
    sw: { kind: switch }
    pc1: { kind: pc, config: "interface eth0\n ip address dhcp" }
    pc2: { kind: pc, config: "interface eth0\n ip address dhcp" }
    srv: { kind: server, config: "interface eth0\n ip address 10.0.1.2 255.255.255.0\nip default-gateway 10.0.1.1" }
    lin: { kind: linux, exec: [ "ip addr add 10.0.0.50/24 dev eth0", "sleep 1000" ] }
  links:
    - endpoints: [ "pc1:eth0", "sw:1" ]
    - endpoints: [ "pc2:eth0", "sw:2" ]
    - endpoints: [ "r1:eth0", "sw:3" ]
    - endpoints: [ "lin:eth0", "sw:4" ]
    - name: line
      endpoints: [ "r1:eth1", "srv:eth0" ]
      wire: { delay: 1ms }
YAML

ctl() {
	timeout 30 labctl --lab parts "$@"
}

address_of() {
	ctl exec "$1" -- ip -4 -o addr show eth0 | sed -n 's/.* inet \([0-9.]*\)\/.*/\1/p'
}

has_address() {
	[ "$(address_of "$1")" = "$2" ]
}

is_state() {
	ctl ps | awk -v d="$1" -v s="$2" '$1 == d && $3 == s { found = 1 } END { exit !found }'
}

is_other_part() {
	local pid
	pid=$(part "$sup" "$1")
	[ -n "$pid" ] && [ "$pid" != "$2" ]
}

# kill_part NAME: and waits for the next one.
kill_part() {
	local pid
	pid=$(part "$sup" "$1")
	[ -n "$pid" ] || fail "there is no $1"
	kill -9 "$pid"
	until_true 15 is_other_part "$1" "$pid" || fail "$1 was not started again"
}

# kill_node DEVICE: and waits until the next one is ready.
kill_node() {
	local pid
	pid=$(node_pid "$sup" parts "$1")
	[ -n "$pid" ] || fail "the process of $1 is not found"
	kill -9 "$pid"
	until_true 15 is_other_node "$1" "$pid" || fail "$1 was not started again: $(ctl ps)"
}

is_other_node() {
	local pid
	is_state "$1" ready && pid=$(node_pid "$sup" parts "$1") && [ -n "$pid" ] && [ "$pid" != "$2" ]
}

# ping_through: pings from pc1 to the server, through switch, router and wire, as fast as it goes on.
begin_ping() {
	ctl exec pc1 -- ping -q -i 0.01 -c "$1" 10.0.1.2 >"$work/ping.out" 2>&1 &
	ping=$!
	sleep 0.2
}

# lost_at_most N
lost_at_most() {
	local lost
	wait "$ping"
	lost=$(sed -n 's/^\([0-9]*\) packets transmitted, \([0-9]*\) received.*/\1 - \2/p' "$work/ping.out")
	[ -n "$lost" ] || fail "ping told nothing: $(cat "$work/ping.out")"
	[ $((lost)) -le "$1" ] || fail "$2: $((lost)) pings were lost, at most $1 may be"
}

pings() {
	ctl exec pc1 -- ping -q -i 0.05 -c 3 -W 1 10.0.1.2 >"$work/ping.out" 2>&1
}

events() { # EVENT: how many rows, after all is committed
	sync_lab parts
	sql parts "SELECT count(*) FROM node_event WHERE event = '$1'"
}

up parts "$work/parts.yaml"
sup=$(supervisor parts)
leased() { [ -n "$(address_of pc1)" ] && [ -n "$(address_of pc2)" ]; }
until_true 20 leased || fail "no lease: $(ctl run pc1 ipconfig)"
until_true 10 pings || fail "no ping at all"
addr1=$(address_of pc1)
addr2=$(address_of pc2)

# --- the log ----------------------------------------------------------------------------------
begin_ping 150
kill_part labd-log
lost_at_most 0 "the log was killed"
[ "$(events log-restarted)" = 1 ] || fail "no row tells that the log was started anew"
[ "$(sql parts "SELECT count(*) FROM capture_gap WHERE reason LIKE '%started anew%'")" -ge 1 ] || fail "no gap row"
before=$(sql parts 'SELECT count(*) FROM packet')
pings || fail "no ping after the log was killed"
sync_lab parts
[ "$(sql parts 'SELECT count(*) FROM packet')" -ge $((before + 18)) ] || fail "the new log writes no frames"

# --- the wires --------------------------------------------------------------------------------
begin_ping 150
kill_part labd-wires
lost_at_most 60 "the wires were killed"
until_true 10 pings || fail "no ping after the wires were killed"
[ "$(events wires-crashed)" = 1 ] || fail "no row tells that the wires crashed"

# --- the zygote, and then a node, which the next zygote bears -----------------------------------
begin_ping 100
kill_part labnode-zygote
kill_node pc2
lost_at_most 0 "the zygote and another's node were killed"
until_true 10 has_address pc2 "$addr2" || fail "pc2 had $addr2 and has $(address_of pc2)"

# --- nodes ------------------------------------------------------------------------------------
printf 'configure terminal\nhostname R-ONE\nip route 10.9.0.0 255.255.0.0 10.0.1.2\nend\n' | ctl console r1 >/dev/null
begin_ping 150
kill_node r1
lost_at_most 0 "the router's node was killed"
ctl run r1 show running-config >"$work/running"
grep -q '^hostname R-ONE' "$work/running" && grep -q '^ip route 10.9.0.0' "$work/running" ||
	fail "lines typed before the kill are gone: $(cat "$work/running")"
ctl exec r1 -- ip route show | grep -q '^10.9.0.0/16 via 10.0.1.2' || fail "the static route is gone"
ctl run r1 show ip dhcp binding >"$work/binding"
grep -q "$addr1" "$work/binding" && grep -q "$addr2" "$work/binding" || fail "leases are gone: $(cat "$work/binding")"
ctl run pc1 ipconfig /renew >/dev/null
has_address pc1 "$addr1" || fail "pc1 had $addr1 and got $(address_of pc1)"
[ "$(events crashed)" = 2 ] || fail "crashed: $(events crashed) rows"
sql parts "SELECT detail FROM node_event WHERE event = 'crashed'" | grep -qv 'killed by signal 9' &&
	fail "the row does not name the signal"

kill_node pc1
until_true 10 has_address pc1 "$addr1" || fail "pc1 had $addr1 and has $(address_of pc1)"
until_true 10 pings || fail "no ping after pc1's own node was killed"

kill_node sw
pings || fail "no ping after the switch's node was killed"

kill_node lin
until_true 10 has_address lin 10.0.0.50 || fail "the lines of exec: were not run again"

# --- reload and write memory --------------------------------------------------------------------
# The command has ended before its device has.
reload_r1() {
	local pid
	pid=$(node_pid "$sup" parts r1)
	ctl run r1 reload
	until_true 10 is_other_node r1 "$pid" || fail "r1 does not come back from reload: $(ctl ps)"
}
reload_r1
ctl run r1 show running-config | grep -q R-ONE && fail "reload without a startup-config kept a line that was not saved"
ctl exec r1 -- ip route show | grep -q '^10.9.0.0' && fail "a route that the configuration no longer has is in the kernel"
printf 'configure terminal\nhostname R-TWO\nip route 10.8.0.0 255.255.0.0 10.0.1.2\nend\nwrite memory\nconfigure terminal\nhostname R-THREE\nend\n' |
	ctl console r1 >/dev/null
reload_r1
ctl run r1 show running-config | grep -q '^hostname R-TWO' || fail "reload does not start from what was saved"
ctl exec r1 -- ip route show | grep -q '^10.8.0.0/16' || fail "the saved route is not in the kernel"
kill_node r1
ctl run r1 show startup-config | grep -q '^hostname R-TWO' || fail "the startup-config is gone"
until_true 10 pings || fail "no ping after reload"

# --- too many crashes -----------------------------------------------------------------------------
for i in 1 2 3 4; do
	kill_node pc2
done
kill -9 "$(node_pid "$sup" parts pc2)"
sleep 0.2
until_true 10 is_state pc2 ready || is_state pc2 stopped || fail "pc2: $(ctl ps)"
is_state pc2 stopped || kill -9 "$(node_pid "$sup" parts pc2)"
until_true 10 is_state pc2 stopped || fail "more than 5 crashes do not stop a device: $(ctl ps)"
ctl ps | grep '^pc2' | grep -q 'crashed more than 5 times' || fail "ps does not say why: $(ctl ps | grep '^pc2')"
pings || fail "pc2's end disturbs pc1"
ctl start pc2 || fail "start"
until_true 10 is_state pc2 ready || fail "start does not bring pc2 back"
until_true 10 has_address pc2 "$addr2" || fail "pc2 had $addr2 and has $(address_of pc2)"

# --- at random moments ------------------------------------------------------------------------------
begin_ping 1500
for ((i = 0; i < 12; i++)); do
	sleep "$(printf '0.%03d' $((RANDOM % 300)))"
	case $((i % 6)) in
	0) victim=$(part "$sup" labd-log) ;;
	1) victim=$(part "$sup" labd-wires) ;;
	2) victim=$(part "$sup" labnode-zygote) ;;
	3) victim=$(node_pid "$sup" parts sw) ;;
	4) victim=$(node_pid "$sup" parts r1) ;;
	5) victim=$(node_pid "$sup" parts srv) ;;
	esac
	[ -n "$victim" ] && kill -9 "$victim" 2>/dev/null
done
wait "$ping"
all_ready() { ! ctl ps | awk 'NF >= 5 && $2 ~ /^(router|switch|pc|server|linux)$/ && $3 != "ready" { bad = 1 } END { exit !bad }'; }
until_true 20 all_ready || fail "not all came back: $(ctl ps)"
until_true 15 pings || fail "no ping in the end: $(cat "$work/ping.out")"
whole_db parts
sync_lab parts
ctl down || fail "down"
whole_db parts
