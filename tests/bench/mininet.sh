#!/bin/bash
# single,N beside Mininet's: N hosts on one switch (its LinuxBridge, no controller). Seconds, medians
# of RUNS, of both in the same run. Mininet's own start (about 0.2 s of Python) is not counted, nor is
# labctl's; an address for each is. Needs root and Debian's mininet and bridge-utils.
set -u
runs=${RUNS:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
median() { sort -n | awk '{a[NR] = $1} END {print a[int((NR + 1) / 2)]}'; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }
. tests/bench/topology

if [ "$(id -u)" != 0 ] || ! /usr/bin/python3 -c 'import mininet' 2>/dev/null || ! command -v brctl >/dev/null; then
	echo "skipped: it needs root, and mininet and bridge-utils (scripts/setup bench)"
	exit 77
fi
cat >"$work/single.py" <<'PY'
import sys, time
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import SingleSwitchTopo

begin = time.time()
net = Mininet(topo=SingleSwitchTopo(int(sys.argv[1])), switch=LinuxBridge, controller=None)
net.start()
up = time.time() - begin
begin = time.time()
net.stop()
print("%.0f %.0f" % (up * 1e3, (time.time() - begin) * 1e3))
PY

printf '%7s %10s %8s %8s %12s %8s %8s\n' devices mininet_up labd_up times mininet_down labd_down times
for n in ${SIZES:-10 50 100}; do
	rm -f "$work"/{mu,md,lu,ld}
	single_lab "$n" >"$work/lab.yaml"
	for ((r = 0; r < runs; r++)); do
		timeout 100 /usr/bin/python3 "$work/single.py" "$n" >"$work/out" 2>/dev/null || exit 1
		read -r a b <"$work/out"
		echo "$a" >>"$work/mu" && echo "$b" >>"$work/md"
		sleep 0.5
		labctl up "$work/lab.yaml" --json >"$work/out" || exit 1
		sed 's/.*"ms":\([0-9]*\).*/\1/' "$work/out" >>"$work/lu"
		start=$(now_ms)
		labctl --lab "single$n" down >/dev/null || exit 1
		echo $(($(now_ms) - start)) >>"$work/ld"
		sleep 0.5
	done
	for what in mu lu md ld; do median <"$work/$what"; done | xargs | awk -v n="$n" \
		'{printf "%7d %10.3f %8.3f %8.1f %12.3f %8.3f %8.1f\n", n, $1 / 1e3, $2 / 1e3, $1 / $2, $3 / 1e3, $4 / 1e3, $3 / $4}'
done
