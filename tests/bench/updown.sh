#!/bin/bash
# Up and down: a lab of N PCs on switches of 47, against a program that makes the same namespaces,
# mounts, links, offload settings and processes and nothing else. Milliseconds, medians of RUNS.
set -u
runs=${RUNS:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
median() { sort -n | awk '{a[NR] = $1} END {print a[int((NR + 1) / 2)]}'; }

lab() { # N
	local n=$1 sw=$((($1 + 46) / 47)) i
	echo "name: bench$n"
	echo "seed: 1"
	echo "topology:"
	echo "  nodes:"
	for ((i = 1; i <= sw; i++)); do echo "    sw$i: { kind: switch }"; done
	for ((i = 1; i <= n; i++)); do
		echo "    pc$i: { kind: pc, config: \"interface eth0\\n ip address 10.0.$((i / 250)).$((i % 250 + 1)) 255.255.0.0\" }"
	done
	echo "  links:"
	for ((i = 2; i <= sw; i++)); do echo "    - endpoints: [ \"sw$((i - 1)):49\", \"sw$i:48\" ]"; done
	for ((i = 1; i <= n; i++)); do
		echo "    - endpoints: [ \"pc$i:eth0\", \"sw$(((i - 1) / 47 + 1)):$(((i - 1) % 47 + 1))\" ]"
	done
}

printf '%6s %10s %10s %7s %10s %10s %7s\n' devices floor_up labd_up ratio floor_down labd_down ratio
for n in ${SIZES:-10 100 500}; do
	lab "$n" >"$work/lab.yaml"
	: >"$work/fu" >"$work/fd" >"$work/lu" >"$work/ld"
	for ((r = 0; r < runs; r++)); do
		"$B/bench/floor" "$n" >"$work/out" || exit 1
		cut -d' ' -f1 "$work/out" >>"$work/fu"
		cut -d' ' -f2 "$work/out" >>"$work/fd"
		sleep 0.5
		labctl up "$work/lab.yaml" --json ${UPFLAGS:-} >"$work/out" || exit 1
		sed 's/.*"ms":\([0-9]*\).*/\1/' "$work/out" >>"$work/lu"
		start=$(date +%s%N)
		labctl --lab "bench$n" down >/dev/null
		echo $((($(date +%s%N) - start) / 1000000)) >>"$work/ld"
		sleep 0.5
	done
	awk -v n="$n" -v a="$(median <"$work/fu")" -v b="$(median <"$work/lu")" -v c="$(median <"$work/fd")" \
		-v d="$(median <"$work/ld")" 'BEGIN {printf "%6d %10.0f %10.0f %7.2f %10.0f %10.0f %7.2f\n", n, a, b, b / a, c, d, d / c}'
done
