#!/bin/bash
# Questions to a database of a million packets through its views, what the index costs the writer, and whether a
# writer with readers on its neck loses frames or lets its write-ahead log grow.
. "$(dirname "$0")/lib"
db=$work/million.db

fill() { # DATABASE FRAMES [SQL]
	rm -f "$1" "$1"-*
	"$B/bench/fill" "$1" "$2" 64 ${3:+"$3"} || die "fill"
}

# ask NAME QUESTION: median of the times that sqlite3 tells, ms, and how many rows
ask() {
	local i rows
	rows=$(sqlite3 -readonly "$db" "$2" | wc -l)
	for ((i = 0; i < 5; i++)); do
		printf '.timer on\n.once /dev/null\n%s;\n' "$2" | sqlite3 -readonly "$db" | sed -n 's/.*real \([0-9.]*\).*/\1/p' | tail -n 1
	done | median | awk -v what="$1" -v rows="$rows" '{printf "%-34s %6.0f ms, %d rows (asked: below 100)\n", what, $1 * 1000, rows}'
}

fill "$db" 1000000 >"$work/fill"
echo "a million packets: $(cat "$work/fill")"
conversation=$(sqlite3 "$db" "SELECT conversation FROM flow WHERE src = '10.0.7.1' AND src_port = 32800")
ask "sum of a device" "SELECT count(*), sum(length) FROM packets WHERE sender = 'pc7' OR receiver = 'pc7'"
ask "list of a device" "SELECT time, link, protocol, info FROM packets WHERE sender = 'pc7' ORDER BY id LIMIT 1000"
ask "sum of a protocol" "SELECT count(*), sum(length) FROM packets WHERE protocol = 'ECHO'"
ask "sum of an address" "SELECT count(*), sum(length) FROM packets WHERE src = '10.0.7.1' OR dst = '10.0.7.1'"
ask "list of an address" "SELECT time, link, protocol, info FROM packets WHERE src = '10.0.7.1' ORDER BY id LIMIT 1000"
ask "list of a tenth of a second" "SELECT time, sender, receiver, protocol, info FROM packets WHERE time_ns BETWEEN 5000000000 AND 5100000000"
ask "sum of a second" "SELECT count(*), sum(length) FROM packets WHERE time_ns BETWEEN 5000000000 AND 6000000000"
ask "list of a conversation" "SELECT time, sender, receiver, protocol, length, info FROM packets WHERE conversation = $conversation"

: >"$work/with" >"$work/without"
for ((r = 0; r < runs; r++)); do
	fill "$work/x.db" 400000 >>"$work/with"
	fill "$work/x.db" 400000 "DROP INDEX packet_run_flow" >>"$work/without"
done
of() { tr ' ' '\n' <"$work/$2" | sed -n "s/^$1=//p" | median; }
echo "writer: $(of per_second with) frames/s, $(of cpu_ns with) ns of CPU each, worst commit $(of worst_commit_us with) us"
echo "without its index: $(of per_second without) frames/s, $(of cpu_ns without) ns, worst commit $(of worst_commit_us without) us; the index costs $(
	awk "BEGIN {printf \"%.1f\", 100 * ($(of cpu_ns with) / $(of cpu_ns without) - 1)}") % (asked: below 10)"

cat >"$work/lab.yaml" <<'YAML'
name: benchask
seed: 1
topology:
  nodes:
    a: { kind: pc, config: "interface eth0\n ip address 10.0.0.1 255.255.255.0" }
    b: { kind: pc, config: "interface eth0\n ip address 10.0.0.2 255.255.255.0" }
  links:
    - endpoints: [ "a:eth0", "b:eth0" ]
YAML
up benchask "$work/lab.yaml"
in_device benchask b "$traffic" hold 9 30 &
sleep 0.2
in_device benchask a "$traffic" flood 10.0.0.2 9 200 8 100000 >"$work/flood" &
flood=$!
n=0 wal=0
while kill -0 $flood 2>/dev/null; do
	sql benchask "SELECT count(*), sum(length) FROM packets WHERE sender = 'a'" >/dev/null
	size=$(stat -c %s "$XDG_STATE_HOME/labd/benchask/latest/log.db-wal")
	[ "$size" -gt "$wal" ] && wal=$size
	n=$((n + 1))
done
sync_lab benchask
sleep 1.2
echo "$(value rate <"$work/flood") frames/s for 8 s under $n questions: missing $(missing benchask), shortened $(shortened benchask)," \
	"WAL at most $((wal >> 20)) MiB (asked: below 256), worst stall of the writer $(worst_commit benchask) ms"
down benchask
