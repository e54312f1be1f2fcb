#!/bin/bash
# DNS: answers a second, beside knot, without the log; then with everything logged: the rate, whether
# 5,000 queries a second are all answered, and whether the server's other work goes on during a flood.
. "$(dirname "$0")/services" || exit 1
need dnsperf knotd curl

names=1000
for ((i = 0; i < names; i++)); do echo "h$i.example.lab A"; done | shuf --random-source=<(yes) >"$work/queries"
config=$(
	echo "        ip http server"
	echo "        ip dns server"
	echo "        no ip dns recursion"
	echo "        ip dns zone example.lab"
	echo "         soa ns r 1 3600 600 86400 300"
	echo "         record ns A 10.8.0.1"
	for ((i = 0; i < names; i++)); do echo "         record h$i A 10.1.$((i / 250)).$((i % 250))"; done
)
{
	echo '$TTL 300'
	echo '@ SOA ns.example.lab. r.example.lab. 1 3600 600 86400 300'
	echo '@ NS ns.example.lab.'
	echo 'ns A 10.9.0.1'
	for ((i = 0; i < names; i++)); do echo "h$i A 10.1.$((i / 250)).$((i % 250))"; done
} >"$work/zone"
mkdir "$work/knot"
cat >"$work/knot.conf" <<CONF
server:
  listen: 10.9.0.1@53
  user: root
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  rundir: $work/knot
database:
  storage: $work/knot
zone:
  - domain: example.lab
    file: $work/zone
CONF

# ADDRESS SECONDS [dnsperf's options] -> answers a second, lost ones, mean and greatest latency in us
ask() {
	local address=$1 seconds=$2
	shift 2
	on cl dnsperf -s "$address" -d "$work/queries" -l "$seconds" -c 4 -q 200 "$@" 2>&1 |
		awk '/Queries per second/ {q = $4} /Queries lost/ {l = $3} /Average Latency/ {a = $4; m = $8; sub(/\)/, "", m)}
			END {printf "%.0f lost=%d mean=%.0fus max=%.0fus\n", q, l, a * 1e6, m * 1e6}'
}

took() { # COMMAND... -> ms, its start included
	local start
	start=$(date +%s%N)
	"$@" >/dev/null 2>&1 || echo "failed: $*" >&2
	echo $((($(date +%s%N) - start) / 1000000))
}

# How long commands of the device and pages of its web server take while queries come in.
busy() {
	while [ -d "$work/flood" ]; do
		took timeout 20 labctl --lab $lab run srv "show version" >>"$work/commands"
		took on cl curl -s -m 20 http://10.8.0.1/ >>"$work/pages"
	done
}
slowest() { sort -n "$1" | awk '{a[NR] = $1} END {printf "%d, half within %d ms, the slowest %d ms", NR, a[int((NR + 1) / 2)], a[NR]}'; }

up "$config" --no-log
peer knotd -c "$work/knot.conf"
ask 10.8.0.1 1 >/dev/null
ask 10.9.0.1 1 >/dev/null
heading "without the log" knot "queries lost, latency"
for ((r = 0; r < runs; r++)); do
	measure ours labnode ask 10.8.0.1 "$secs"
	measure peer knotd ask 10.9.0.1 "$secs"
done
compare "answers/s"
down

[ -n "${NOLOG:-}" ] && exit
up "$config"
echo "with everything logged:"
echo "  at 5,000 queries/s:  $(ask 10.8.0.1 "$secs" -Q 5000 -t 1)"
mkdir "$work/flood"
busy &
for rate in 40000 1000000; do
	rates=$(for ((r = 0; r < runs; r++)); do ask 10.8.0.1 "$secs" -t 1 -Q $rate; done | median)
	printf '  at %s queries/s: %s\n' $rate "$rates"
done
rmdir "$work/flood"
wait $!
echo "  commands meanwhile:  $(slowest "$work/commands")"
echo "  pages meanwhile:     $(slowest "$work/pages")"
echo "  frames missing:      $(frames_missing) of $(sql "SELECT count(*) AS n FROM packet")"
