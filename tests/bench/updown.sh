#!/bin/bash
# Up and down: a lab of N PCs on switches of 47, against a program (floor.c) that makes the same
# namespaces, mounts, links, offload settings and processes and nothing else. Milliseconds, medians
# of RUNS.
#
#   up       until the last device's services listen, by labd's own clock
#   command  until `labctl up` has ended: reading and checking the lab file, starting labd, up
#   down     until `labctl down` has ended and no process of the lab is left
#   gone     until the kernel has cleaned up the namespaces, too
set -u
runs=${RUNS:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
median() { sort -n | awk '{a[NR] = $1} END {print a[int((NR + 1) / 2)]}'; }
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); } # no process: it would count
. tests/bench/topology

# Every process of a lab is a descendant of its supervisor, and ends before it.
supervisor() {
	local p
	for p in $(pgrep -f -- "--run $XDG_STATE_HOME/labd/$1/"); do
		[ "$(cat "/proc/$p/comm" 2>/dev/null)" = labd ] && echo "$p" && return
	done
}

# A zombie has ended: its parent may take its time to hear of it.
runs() { # PID
	local stat
	read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
	[[ $stat != *") Z "* ]]
}

one_run() { # N
	local start pid
	"$B/bench/floor" "$1" >"$work/out" || exit 1
	read -r a b c <"$work/out"
	echo "$a" >>"$work/floor_up" && echo "$b" >>"$work/floor_down" && echo "$c" >>"$work/floor_gone"
	sleep 0.5
	start=$(now_ms)
	labctl up "$work/lab.yaml" --json ${UPFLAGS:-} >"$work/out" || exit 1
	echo $(($(now_ms) - start)) >>"$work/command"
	sed 's/.*"ms":\([0-9]*\).*/\1/' "$work/out" >>"$work/up"
	pid=$(supervisor "bench$1")
	start=$(now_ms)
	labctl --lab "bench$1" down >/dev/null || exit 1
	while runs "$pid"; do :; done
	echo $(($(now_ms) - start)) >>"$work/down"
	"$B/bench/floor" gone >/dev/null || exit 1
	echo $(($(now_ms) - start)) >>"$work/gone"
	sleep 0.5
}

printf '%7s %8s %6s %5s %8s %10s %6s %5s %10s %6s %5s\n' \
	devices floor_up up ratio command floor_down down ratio floor_gone gone ratio
for n in ${SIZES:-10 100 500}; do
	rm -f "$work"/{floor_up,floor_down,floor_gone,up,command,down,gone}
	star_lab "$n" >"$work/lab.yaml"
	for ((r = 0; r < runs; r++)); do one_run "$n"; done
	for what in floor_up up command floor_down down floor_gone gone; do median <"$work/$what"; done |
		xargs | awk -v n="$n" '{printf "%7d %8.0f %6.0f %5.2f %8.0f %10.0f %6.0f %5.2f %10.0f %6.0f %5.2f\n",
			n, $1, $2, $2 / $1, $3, $4, $5, $5 / $4, $6, $7, $7 / $6}'
done
