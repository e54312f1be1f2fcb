#!/bin/bash
# Clients of the control socket that flood, stall, vanish or send garbage harm nobody else; another user is
# refused. `labctl down` ends a lab whatever its labd is at.
. "$(dirname "$0")/lablib" || exit 1

cat >"$work/ctrl.yaml" <<'YAML'
name: ctrl
topology:
  nodes:
    pc1: { kind: pc, config: "interface eth0\n ip address 10.0.0.1 255.255.255.0" }
    pc2: { kind: pc, config: "interface eth0\n ip address 10.0.0.2 255.255.255.0" }
  links:
    - endpoints: [ "pc1:eth0", "pc2:eth0" ]
YAML
socket=$XDG_RUNTIME_DIR/labd/ctrl/ctl
client=tests/labs/control_client

# What an honest person does must work, and in time.
honest() {
	timeout 10 labctl --lab ctrl ps | grep -q '^pc2 .*ready' || fail "$1: ps"
	timeout 10 labctl --lab ctrl run pc2 show version | grep -q 'pc pc2' || fail "$1: run"
	timeout 20 labctl --lab ctrl run pc2 ping 10.0.0.1 | grep -q 'Received = 4' || fail "$1: ping"
	echo 'show version' | timeout 10 labctl --lab ctrl console pc2 | grep -q 'pc pc2' || fail "$1: console"
	timeout 10 labctl --lab ctrl exec pc2 -- true || fail "$1: exec"
	timeout 20 labctl --lab ctrl sql 'SELECT count(*) FROM packet' >/dev/null || fail "$1: sql"
}

n_fds() {
	ls "/proc/$sup/fd" 2>/dev/null | wc -l
}

few_fds() {
	[ "$(n_fds)" -le $((fds + 3)) ]
}

up ctrl "$work/ctrl.yaml"
sup=$(supervisor ctrl)
honest "before"
fds=$(n_fds)
for what in flood stall vanish garbage; do
	pids=
	for seed in 1 2 3; do
		timeout 30 /usr/bin/python3 $client "$socket" $what $seed >"$work/$what.$seed" 2>&1 &
		pids="$pids $!"
	done
	sleep 0.5
	honest "while clients $what"
	for pid in $pids; do
		wait "$pid" || fail "$what: $(cat "$work/$what".*)"
	done
	honest "after clients $what"
	[ "$(supervisor ctrl)" = "$sup" ] || fail "the supervisor is another after $what"
	until_true 10 few_fds || fail "$what left descriptors in the supervisor: $fds before, $(n_fds) now"
	echo "$what: $(cat "$work/$what".* | tr '\n' ' ')"
done
grep -q crashed <(sql ctrl 'SELECT event FROM node_event') && fail "a node crashed: $(sql ctrl 'SELECT * FROM node_event')"
kb=$(awk '/^VmRSS/ { print $2 }' "/proc/$sup/status")
[ "$kb" -lt 131072 ] || fail "the supervisor holds $kb kB"

# Another user, with the folder's own protection taken away.
chmod 711 "$XDG_RUNTIME_DIR" "$XDG_RUNTIME_DIR/labd" "$XDG_RUNTIME_DIR/labd/ctrl"
chmod 666 "$socket"
if [ "$(id -u)" = 0 ]; then
	other="setpriv --reuid 65534 --regid 65534 --clear-groups"
elif unshare -U --map-auto --map-root-user true 2>/dev/null; then
	other="unshare -U --map-auto --map-root-user setpriv --reuid 1 --regid 1 --clear-groups"
else
	other=
	echo "no other user can be had here"
fi
if [ -n "$other" ]; then # who may not see this folder
	$other timeout 10 /usr/bin/python3 - "$socket" stranger <$client || fail "another user was answered"
fi
timeout 10 /usr/bin/python3 $client "$socket" owner || fail "the owner was refused"

# `down` has succeeded when the lab is gone, and not before: the same lab can be brought up at once.
. tests/bench/topology
star_lab 10 >"$work/star.yaml"
down() { # WHEN
	timeout 40 labctl down bench10 >"$work/down.out" 2>&1 || fail "down $1: $(cat "$work/down.out")"
	labctl --lab bench10 ps >/dev/null 2>&1 && fail "down $1: the lab still answers"
}
for n in 1 2 3 4 5 6 7 8 9 10; do
	up bench10 "$work/star.yaml"
	down "of life $n"
done

# Two at once; a labd that is killed before it answers; a lab that still starts.
up bench10 "$work/star.yaml"
timeout 40 labctl down bench10 >"$work/other.out" 2>&1 &
other=$!
down "beside another"
wait $other || grep -q 'does not run' "$work/other.out" || fail "the other down: $(cat "$work/other.out")"

up bench10 "$work/star.yaml"
sup=$(supervisor bench10)
kill -STOP "$sup"
timeout 40 labctl down bench10 >"$work/other.out" 2>&1 &
other=$!
sleep 0.3
kill -0 $other 2>/dev/null || fail "down did not wait for a labd that stands still: $(cat "$work/other.out")"
kill -KILL "$sup"
wait $other || fail "down of a lab whose labd was killed: $(cat "$work/other.out")"
grep -q 'bench10 is down' "$work/other.out" || fail "down said: $(cat "$work/other.out")"
up bench10 "$work/star.yaml"
down "after a kill"

timeout 60 labctl up "$work/star.yaml" >"$work/up.out" 2>&1 &
other=$!
until_true 10 sh -c "timeout 40 labctl down bench10 >'$work/down.out' 2>&1" || fail "down of a lab that starts: $(cat "$work/down.out")"
wait $other
labctl --lab bench10 ps >/dev/null 2>&1 && fail "a lab that was ended while it started runs"
echo "down: 10 lives, two at once, killed, starting"
