#!/bin/bash
# labctl itself, on a small lab: questions, stories, captures, verdicts, runs, installation.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'labctl --lab small down >/dev/null 2>&1; rm -rf "$work"' EXIT
export XDG_STATE_HOME=$work/state
failed=0

# expect NAME PATTERN COMMAND...: the output (both streams) matches; status 0 unless the name ends in !
expect() {
	local name=$1 pattern=$2 out status=0 wanted=0
	shift 2
	out=$("$@" 2>&1 </dev/null) || status=1
	[[ $name == *! ]] && wanted=1
	if [ $status != $wanted ] || ! grep -qE -- "$pattern" <<<"$out"; then
		echo "FAILED: $name: status $status, no '$pattern' in:"
		sed 's/^/    /' <<<"$out" | head -n 20
		failed=1
	fi
}

cat >"$work/small.yaml" <<'LAB'
name: small
epoch: 2026-01-01T08:00:00Z
topology:
  nodes:
    pc1: { kind: pc, config: "interface eth0\n ip address 10.0.0.1 255.255.255.0" }
    pc2: { kind: pc, config: "interface eth0\n ip address 10.0.0.2 255.255.255.0" }
  links:
    - { name: cable, endpoints: [ "pc1:eth0", "pc2:eth0" ], wire: { delay: 20ms } }
steps:
  - pc1: ping 10.0.0.2
  - until: SELECT count(*) >= 8 FROM packets WHERE protocol = 'ICMP'
    within: 5s
  - link down: cable
  - pc1: ping 10.0.0.2
    fails: yes
  - stop: pc2
  - start: pc2
expect:
  - sql: SELECT count(*) = 4 FROM decisions WHERE rule = 'kernel.icmp.echo-reply'
    why: pc2 answered four times
LAB
expect "a lab passes" '^PASS small' labctl test "$work/small.yaml"
sed -e '/^steps/,$d' -e 's/small/quick/' "$work/small.yaml" >"$work/quick.yaml"
cat >>"$work/quick.yaml" <<'LAB'
expect:
  - SELECT count(*) = 2 FROM device
  - SELECT count(*) = 3 FROM decisions WHERE rule = 'ip.address.set'
LAB
expect "a lab fails!" 'count\(\*\) is 2' labctl test "$work/quick.yaml"
expect "TAP!" '^not ok 2 - quick:[0-9]+ expect' labctl test --tap "$work/quick.yaml"
expect "JUnit!" '<testsuite name="quick" tests="3" failures="2" errors="0" skipped="0"' \
	sh -c "labctl test --junit '$work/j.xml' '$work/quick.yaml'; cat '$work/j.xml'; exit 1"
sed 's/FROM decisions/FROM decision_s/' "$work/quick.yaml" >"$work/typo.yaml"
expect "a question is wrong!" 'typo.yaml:[0-9]+:[0-9]+: no such table: decision_s' \
	labctl test "$work/typo.yaml"
expect "nothing is left" 'no lab runs' labctl ps

# A lab outlives `labctl up`, and keeps nothing open that its caller had: here a lock.
exec 9>"$work/lock"
flock -x 9
expect "up" 'small is up' labctl up "$work/small.yaml" --wait
exec 9>&-
expect "the caller's lock is free" '^free$' flock -x -n "$work/lock" echo free
expect "a second up!" 'labctl down' labctl up "$work/small.yaml"
expect "a second test!" 'runs already' labctl test "$work/small.yaml"
expect "run" 'Received = 4' labctl run pc1 ping 10.0.0.2
expect "sql" '^ +8$' labctl sql "SELECT count(*) FROM packets WHERE protocol = 'ICMP'"
expect "sql, as JSON" '^\[\{"n":8\}\]$' \
	labctl sql --json "SELECT count(*) AS n FROM packets WHERE protocol = 'ICMP'"
expect "sql, a view by its name" 'kernel.icmp.echo-reply' labctl sql decisions
expect "sql, a time" '08:00:0[0-9]\.[0-9]{6}' labctl sql 'SELECT time_ns FROM packet LIMIT 1'
expect "sql changes nothing!" 'readonly' labctl sql 'DELETE FROM packet'
expect "sql, a typo!" 'did you mean packets' labctl sql 'SELECT * FROM pakcets'
expect "sql, a column of another table!" 'there is one in .*device' labctl sql 'SELECT kind FROM packets'
expect "why, a packet" 'kernel.icmp.echo-reply' \
	labctl why "$(labctl sql --json "SELECT min(id) AS n FROM packets WHERE info LIKE '%request%'" | tr -dc 0-9)"
expect "why, a device" 'answered the echo request' labctl why pc2
expect "why, a word" 'sent echo request 1 of 4 to 10.0.0.2' labctl why 10.0.0.2
expect "why, nothing" 'no decision and no packet' labctl why zebra
expect "why, no such packet!" 'there is no packet 99999' labctl why 99999
expect "rules" 'echo-reply +4x' labctl rules kernel
expect "rules, for Graphviz" '^digraph "ip"' labctl rules ip --dot
expect "rules, a typo!" 'did you mean kernel' labctl rules kernle
expect "completion" '^pc2$' labctl complete run p
expect "completion of interfaces" '^pc1:eth0$' labctl complete capture pc1:
expect "a live run stays!" 'is running' labctl rm small/latest

expect "capture" 'frames in' labctl capture pc2:eth0 -w "$work/x.pcapng"
if command -v tshark >/dev/null; then
	expect "captured frames" 'echo request 1 of 4' \
		tshark -r "$work/x.pcapng" -Y icmp -T fields -e frame.comment
	expect "the wire delays" '^0\.0[2-9]' \
		sh -c "labctl capture pc1:eth0 --no-follow | tshark -r - -Y 'icmp.type == 0' -T fields -e icmp.resptime |
			awk 'NR == 1 { print \$1 / 1000 }'"
	timeout 20 labctl capture pc1 | timeout 20 tshark -l -r - -Y icmp >"$work/live.txt" 2>/dev/null &
	labctl run pc1 ping 10.0.0.2 >/dev/null
	expect "down" 'small is down' labctl down
	wait
	expect "a pipe follows until the end" '^16$' sh -c "wc -l <'$work/live.txt'"
else
	expect "down" 'small is down' labctl down
fi
for _ in 1 2 3 4 5 6 7 8 9 10; do
	expect "up right after down" 'small is up' labctl up "$work/small.yaml"
	expect "down again" 'small is down' labctl down
done
expect "no such interface!" 'did you mean pc1' labctl capture pc7 -w "$work/y"

expect "runs" 'small +20.*latest' labctl runs
expect "open" '/log.db$' labctl open
expect "open, with a question" 'pc1' sh -c 'echo "SELECT name FROM device" | labctl open --sql'
expect "open, only the path" '^2$' sh -c 'sqlite3 -readonly "$(labctl open --path)" "SELECT count(*) FROM device"'
expect "open, two things at once!" 'usage: labctl open' labctl open --sql --path
expect "usage ends with its last word" '^usage: labctl ps$' labctl ps --help
expect "rm" 'removed small/' labctl rm --all
expect "no run is kept" 'no run is kept' labctl runs
expect "doctor" 'labs run here' labctl doctor

expect "install" '' env DESTDIR="$work/root" PREFIX=/usr scripts/install
expect "installed" 'two: valid' "$work/root/usr/bin/labctl" validate two
expect "the manual" '^\.SS why' cat "$work/root/usr/share/man/man1/labctl.1"
expect "uninstall" '' env DESTDIR="$work/root" PREFIX=/usr scripts/install --remove
expect "nothing stays" '^0$' sh -c "find '$work/root' -type f | wc -l"
exit $failed
