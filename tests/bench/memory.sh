#!/bin/bash
# Memory of a lab of N idle devices, kB: what a device's process holds (PSS; of it, pages that are its
# own), labd's processes, the packet rings, and what the kernel holds more than before (slab, per-CPU,
# stacks, page tables; other work on the machine shows here). Ends with all of it for SIZE devices.
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. tests/bench/topology

supervisor() {
	local p
	for p in $(pgrep -f -- "--run $XDG_STATE_HOME/labd/$1/"); do
		[ "$(cat "/proc/$p/comm" 2>/dev/null)" = labd ] && echo "$p" && return
	done
}
rollup() { # FIELD PID...: the sum
	local field=$1 p
	shift
	for p in "$@"; do awk -v f="$field:" '$1 == f {print $2}' "/proc/$p/smaps_rollup"; done | awk '{s += $1} END {print s + 0}'
}
kernel() { awk '/^(Slab|Percpu|KernelStack|PageTables):/ {s += $2} END {print s}' /proc/meminfo; }

printf '%-7s %7s %6s %6s %11s %9s %9s %7s %7s %9s\n' kind devices pss own supervisor log zygote rings kernel all
measure() { # KIND N
	local n=$2 before pid nodes
	KIND=$1 star_lab "$n" >"$work/lab.yaml"
	before=$(kernel)
	labctl up "$work/lab.yaml" >/dev/null || exit 1
	sleep 2
	pid=$(supervisor "bench$n")
	nodes=$(pgrep -P "$pid" -x labnode | head -n "$((n + (n + 46) / 47))")
	count=$(wc -w <<<"$nodes")
	log=$(pgrep -P "$pid" -x labd-log)
	# The log has mapped the rings, so they are in its PSS.
	rings=$(awk '/^[0-9a-f]+-/ {n = $6} /^Pss:/ && n ~ /^socket:/ {s += $2} END {print s + 0}' "/proc/$log/smaps")
	echo "$(rollup Pss $nodes) $(rollup Private_Dirty $nodes) $(rollup Pss "$pid") \
		$(($(rollup Pss "$log") - rings)) $(rollup Pss "$(pgrep -P "$pid" labnode-zygote)") \
		$(($(kernel) - before)) $count $1 $n $rings" | awk '{
		rings = $10
		printf "%-7s %7d %6.0f %6.0f %11d %9d %9d %7d %7.0f %9d\n",
			$8, $9, $1 / $7, $2 / $7, $3, $4, $5, rings, $6 / $7, $1 + $3 + $4 + $5 + rings + $6}'
	labctl --lab "bench$n" down >/dev/null
}
measure pc 100
measure server 100
measure pc "${SIZE:-1000}"
echo "pss, own, kernel: of one device; the rest: of the lab."
