#!/bin/bash
# kill -9 of a lab's supervisor at 50 moments, during up, traffic and down: nothing is left, the
# database is sound and has what it had, and the lab comes up again under the same name.
. "$(dirname "$0")/lablib" || exit 1
RANDOM=${SEED:-4711}

cat >"$work/kill.yaml" <<'YAML'
name: kill
seed: 1
topology:
  nodes:
    sw: { kind: switch }
    pc1: { kind: pc, config: "interface eth0\n ip address 10.0.0.1 255.255.255.0" }
    pc2: { kind: pc, config: "interface eth0\n ip address 10.0.0.2 255.255.255.0" }
  links:
    - endpoints: [ "pc1:eth0", "sw:1" ]
    - endpoints: [ "pc2:eth0", "sw:2" ]
      wire: { delay: 1ms }
YAML
labs_begun=kill
host_view >"$work/host"

# A random part of so many milliseconds.
pause() {
	sleep "$(printf '0.%03d' $((RANDOM % $1)))"
}

note_spaces() {
	spaces $(lab_pids "$1")
}

kill_during_up() {
	local pid labctl_pid
	: >"$work/spaces"
	timeout 60 labctl up "$work/kill.yaml" >"$work/up.out" 2>&1 &
	labctl_pid=$!
	pause 250
	pid=$(supervisor kill)
	if [ -n "$pid" ]; then
		note_spaces "$pid"
		kill -9 "$pid"
	else # not born yet
		pkill -9 -f -- "--run $XDG_STATE_HOME/labd/kill/"
	fi
	wait $labctl_pid
	# What was killed may have been the process that bears the supervisor, just after the birth.
	pid=$(supervisor kill)
	if [ -n "$pid" ]; then
		note_spaces "$pid"
		kill -9 "$pid"
	fi
	nothing_left kill
}

kill_in_traffic() {
	local pid before after count='SELECT (SELECT count(*) FROM packet) + (SELECT count(*) FROM decision)'
	up kill "$work/kill.yaml"
	pid=$(supervisor kill)
	timeout 20 labctl --lab kill exec pc1 -- ping -q -i 0.002 -c 5000 10.0.0.2 >"$work/ping.out" 2>&1 &
	timeout 20 labctl --lab kill run pc2 ping 10.0.0.1 >/dev/null 2>&1 &
	pause 400
	note_spaces "$pid"
	[ "$(wc -l <"$work/spaces")" -ge 10 ] || fail "the lab's namespaces cannot be seen"
	before=$(sql kill "$count")
	kill -9 "$pid"
	wait
	nothing_left kill
	whole_db kill
	after=$(sql kill "$count")
	[ "$after" -ge "$before" ] || fail "$before rows were committed and $after are there"
	rows=$((rows + before))
}

kill_during_down() {
	local pid
	up kill "$work/kill.yaml"
	pid=$(supervisor kill)
	note_spaces "$pid"
	timeout 30 labctl down kill >/dev/null 2>&1 &
	pause 30
	kill -9 "$pid" 2>/dev/null
	wait
	nothing_left kill fds
	whole_db kill
}

rows=0
for ((i = 0; i < 50; i++)); do
	case $((i % 5)) in
	0 | 1) kill_during_up ;;
	2 | 3) kill_in_traffic ;;
	4) kill_during_down ;;
	esac
done
[ $rows -gt 0 ] || fail "no row was ever committed before a kill"

# And without a kill it still works.
up kill "$work/kill.yaml"
timeout 20 labctl --lab kill run pc1 ping 10.0.0.2 || fail "no ping after 50 kills"
note_spaces "$(supervisor kill)"
timeout 30 labctl down kill || fail "down"
nothing_left kill
whole_db kill
echo "50 kills; $rows rows were committed before them and are there"
