#!/bin/bash
# Our DHCP client, on PCs and a router, served by dnsmasq and Busybox udhcpd, direct and through our
# relay.
. "$(dirname "$0")/lib" || exit 1
need dnsmasq udhcpd

#   pc1, rt, thief -- [sw1] -- dm (dnsmasq)          10.1.0.0/24
#                         \-- (r1: relay) -- pc3     10.1.2.0/24, dnsmasq's too
#   pc2 -- bb (udhcpd, late)                         10.1.1.0/24
#   pc4 -- (r1: relay) -- bbr (udhcpd)               10.1.4.0/24, served from 10.1.3.0/24
# They are started by lines of the lab file, as a user would do it; -d, because with one id only,
# dnsmasq cannot change its user.
dnsmasq="dnsmasq -d -q --log-dhcp --conf-file=/dev/null --no-resolv --no-hosts --port=0
	--interface=eth0 --bind-interfaces --dhcp-authoritative --no-ping --dhcp-leasefile=$S/dm.leases
	--log-facility=$S/dnsmasq.log"
options="--domain=dm.test --dhcp-option=tag:lan,option:router,10.1.0.1
	--dhcp-option=tag:far,option:router,10.1.2.1
	--dhcp-option=option:dns-server,10.1.0.53,10.1.0.54 --dhcp-option=option:netbios-ns,10.1.0.9
	--dhcp-option=option:ntp-server,10.1.0.123"
far="--dhcp-range=set:far,10.1.2.50,10.1.2.99,255.255.255.0,infinite"
near="--dhcp-range=set:lan,10.1.0.100,10.1.0.149,255.255.255.0,10m"
dnsmasq=${dnsmasq//$'\n\t'/ } options=${options//$'\n\t'/ }
: >"$S/bb.leases" >"$S/bbr.leases"
chmod 666 "$S"/*.leases
cat >"$S/bb.conf" <<CONF
interface eth0
start 10.1.1.20
end 10.1.1.30
max_leases 10
min_lease 5
lease_file $S/bb.leases
pidfile $S/bb.pid
opt subnet 255.255.255.0
opt router 10.1.1.1
opt dns 10.1.1.1
opt domain bb.test
opt lease 16
CONF
cat >"$S/bbr.conf" <<CONF
interface eth0
start 10.1.4.20
end 10.1.4.30
lease_file $S/bbr.leases
pidfile $S/bbr.pid
opt subnet 255.255.255.0
opt router 10.1.4.1
opt lease 3600
CONF

lab interop-dhcp-client <<LAB
name: interop-dhcp-client
seed: 22
topology:
  nodes:
    pc1: { kind: pc, config: "interface eth0\n ip address dhcp" }
    pc2:
      kind: pc
      config: |
        interface eth0
         ip address dhcp
         ip dhcp client autoconfig 1
    pc3: { kind: pc, config: "interface eth0\n ip address dhcp" }
    pc4: { kind: pc, config: "interface eth0\n ip address dhcp\n ip dhcp client broadcast-flag" }
    rt: { kind: router, config: "interface gi0/0\n ip address dhcp" }
    sw1: { kind: switch }
    r1:
      kind: router
      config: |
        interface eth0
         ip address 10.1.0.1 255.255.255.0
        interface eth1
         ip address 10.1.2.1 255.255.255.0
         ip helper-address 10.1.0.2
        interface eth2
         ip address 10.1.3.1 255.255.255.0
        interface eth3
         ip address 10.1.4.1 255.255.255.0
         ip helper-address 10.1.3.2
    dm:
      kind: linux
      config: |
        interface eth0
         ip address 10.1.0.2 255.255.255.0
        ip route 0.0.0.0 0.0.0.0 10.1.0.1
      exec: [ "exec $dnsmasq $options $near $far" ]
    bb: { kind: linux, config: "interface eth0\n ip address 10.1.1.1 255.255.255.0" }
    bbr:
      kind: server
      config: |
        interface eth0
         ip address 10.1.3.2 255.255.255.0
        ip route 0.0.0.0 0.0.0.0 10.1.3.1
      exec: [ "exec udhcpd -f -S $S/bbr.conf >$S/bbr.log 2>&1" ]
    thief: { kind: linux }
  links:
    - endpoints: [ "dm:eth0", "sw1:1" ]
    - endpoints: [ "pc1:eth0", "sw1:2" ]
    - endpoints: [ "rt:GigabitEthernet0/0", "sw1:3" ]
    - endpoints: [ "thief:eth0", "sw1:4" ]
    - endpoints: [ "r1:eth0", "sw1:5" ]
    - endpoints: [ "r1:eth1", "pc3:eth0" ]
    - endpoints: [ "bb:eth0", "pc2:eth0" ]
    - endpoints: [ "r1:eth2", "bbr:eth0" ]
    - endpoints: [ "r1:eth3", "pc4:eth0" ]
LAB

address() { # DEVICE -> what it holds by lease now
	sql "SELECT addr FROM dhcp4_client_lease WHERE device = '$1' AND until IS NULL"
}

holds() { # DEVICE PREFIX
	case $(address "$1") in "$2"*) return 0 ;; esac
	return 1
}

holds_other() { # DEVICE PREFIX ADDRESS
	holds "$1" "$2" && ! holds "$1" "$3"
}

renews() { # DEVICE -> a lease that is renewed is the next row
	sql "SELECT count(*) AS n FROM dhcp4_client_lease WHERE device = '$1'"
}

check "pc1 has a lease from dnsmasq" await 20 holds pc1 10.1.0.1
check "the router too" await 20 holds rt 10.1.0.1
check "pc3 through the relay" await 20 holds pc3 10.1.2.
check "pc4 through the relay, from udhcpd" await 20 holds pc4 10.1.4.2
run pc1 "ipconfig /all" >"$S/pc1.txt"
has "ipconfig: address" "$S/pc1.txt" "IPv4 Address.*: $(address pc1)"
has "ipconfig: mask" "$S/pc1.txt" 'Subnet Mask.*: 255\.255\.255\.0'
has "ipconfig: gateway" "$S/pc1.txt" 'Default Gateway.*: 10\.1\.0\.1$'
has "ipconfig: server" "$S/pc1.txt" 'DHCP Server.*: 10\.1\.0\.2$'
has "ipconfig: domain" "$S/pc1.txt" 'dm\.test'
has "ipconfig: name server" "$S/pc1.txt" '10\.1\.0\.53'
has "ipconfig: second name server" "$S/pc1.txt" '10\.1\.0\.54'
same "programs see the name servers" "$(on pc1 grep -c '^nameserver 10\.1\.0\.5[34]' /etc/resolv.conf)" 2
has "dnsmasq knows pc1's name" "$S/dnsmasq.log" 'client provides name: pc1'
has "dnsmasq acknowledged rt" "$S/dnsmasq.log" 'DHCPACK\(eth0\) 10\.1\.0\.1[0-9][0-9] .* rt$'
check "the gateway of the lease works" on pc1 ping -c 1 -W 3 10.1.3.2
check "pc3's as well" run pc3 "ping 10.1.0.2"
check "pc4's as well" run pc4 "ping 10.1.3.2"
same "a lease without end" "$(sql "SELECT expires IS NULL AS n FROM dhcp4_client_lease WHERE device = 'pc3' AND until IS NULL")" 1

# --- pc2: first no server at all, then one whose leases last 16 s ---
check "pc2 helps itself to an address" await 20 is_true \
	"SELECT count(*) AS n FROM dhcp4_autoconf WHERE device = 'pc2' AND until IS NULL AND addr LIKE '169.254.%'"
start udhcpd bb udhcpd -f -S "$S/bb.conf"

# --- release and renewal by hand; the address is in use when it comes back ---
first=$(address pc1)
check "ipconfig /renew with a lease" run pc1 "ipconfig /renew"
has "is a unicast renewal" "$S/dnsmasq.log" "DHCPREQUEST\(eth0\) $first "
same "that keeps the address" "$(address pc1)" "$first"
check "ipconfig /inform" run pc1 "ipconfig /inform"
check "asks for parameters alone" await 5 grep -q "DHCPINFORM(eth0) $first" "$S/dnsmasq.log"
check "ipconfig /release" run pc1 "ipconfig /release"
check "dnsmasq is told" await 5 grep -q "DHCPRELEASE(eth0) $first" "$S/dnsmasq.log"
same "no lease is left" "$(address pc1)" ""
same "nor the address" "$(on pc1 ip -4 -o addr show eth0 | wc -l)" 0
on thief ip addr add "$first/24" dev eth0
run pc1 "ipconfig /renew" >"$S/renew.txt" 2>&1
check "the address is in use by now: pc1 declines it" await 20 \
	grep -q "DHCPDECLINE(eth0) $first" "$S/dnsmasq.log"
check "and takes another" await 30 holds_other pc1 10.1.0.1 "$first"
on thief ip addr flush dev eth0

# --- dnsmasq refuses: its range has changed ---
on dm pkill -x dnsmasq
check "dnsmasq ends" await 5 on dm sh -c '! pgrep -x dnsmasq'
rm -f "$S/dm.leases"
# shellcheck disable=SC2086
start dnsmasq2 dm $dnsmasq $options --dhcp-range=set:lan,10.1.0.200,10.1.0.220,255.255.255.0,10m $far
check "dnsmasq starts with another range" await 5 on dm pgrep -x dnsmasq
run pc1 "ipconfig /renew" >"$S/nak.txt" 2>&1
check "dnsmasq refuses the old address" await 15 grep -q 'DHCPNAK(eth0) 10\.1\.0\.1' "$S/dnsmasq.log"
check "pc1 starts over and gets a new one" await 15 holds pc1 10.1.0.2
check "pc3 renews through the relay's network" run pc3 "ipconfig /renew"
check "a router renews by hand" run rt "renew dhcp GigabitEthernet0/0"

# --- pc2: renewals by its own clock ---
check "pc2 has a lease from udhcpd" await 40 holds pc2 10.1.1.
same "instead of its own address" "$(sql "SELECT count(*) AS n FROM dhcp4_autoconf WHERE device = 'pc2' AND until IS NULL")" 0
check "pc2 renews half way through 16 s" await 20 \
	is_true "SELECT count(*) > 0 AS n FROM decisions WHERE device = 'pc2' AND rule = 'dhcp4.client.renew-t1'"
check "which udhcpd grants" await 5 is_true "SELECT count(*) > 0 AS n FROM packets
	WHERE receiver = 'pc2' AND src = '10.1.1.1' AND dst LIKE '10.1.1.%' AND info LIKE 'DHCP ACK%'"
check "pc2 releases" run pc2 "ipconfig /release"
check "by a message to udhcpd" await 5 is_true "SELECT count(*) AS n FROM packets
	WHERE sender = 'pc2' AND dst = '10.1.1.1' AND info LIKE 'DHCP Release%'"

for rule in dhcp4.client.send-discover dhcp4.client.offer-send-request dhcp4.client.ack-configure \
	dhcp4.client.renew-t1 dhcp4.client.release dhcp4.client.inform-ack dhcp4.client.nak-restart \
	dhcp4.client.ack-conflict-decline dhcp4.client.autoconf-assign dhcp4.client.autoconf-replace; do
	check "a client took $rule" [ "$(taken $rule)" -gt 0 ]
done
check "r1 took dhcp4.relay.forward" [ "$(taken dhcp4.relay.forward r1)" -gt 0 ]
same "no reply was dropped as invalid" "$(taken dhcp4.client.drop-invalid)" 0
# pc1 met another that has its address: tshark says so too.
judge all arp.duplicate-address-detected
verdict
