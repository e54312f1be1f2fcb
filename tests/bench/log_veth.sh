#!/bin/bash
# The log on a veth link: one flow of datagrams, frames of 64 and 1400 octets, as fast as one core sends them:
# without capture, with the log, and with dumpcap -B 64 in its place. Then both ends at once.
. "$(dirname "$0")/lib"
secs=${SECS:-4}
cat >"$work/lab.yaml" <<'YAML'
name: benchveth
seed: 1
topology:
  nodes:
    a: { kind: pc, config: "interface eth0\n ip address 10.0.0.1 255.255.255.0" }
    b: { kind: pc, config: "interface eth0\n ip address 10.0.0.2 255.255.255.0" }
  links:
    - endpoints: [ "a:eth0", "b:eth0" ]
YAML

# flood FROM ADDRESS OCTETS CORE [PER_SECOND]: frames a second
flood() {
	taskset -c "$4" timeout 60 labctl --lab benchveth exec "$1" -- "$traffic" flood "$2" 9 $(($3 - 42)) "$secs" ${5:-} | value rate
}

hold() { # DEVICE
	in_device benchveth "$1" "$traffic" hold 9 30 &
	sleep 0.2
}

plain() { # OCTETS
	up benchveth "$work/lab.yaml" --no-log
	hold b
	flood a 10.0.0.2 "$1" 0
	down benchveth
}

logged() { # OCTETS [PER_SECOND]: rate, frames missing, untold, payloads shortened
	local rate
	up benchveth "$work/lab.yaml"
	hold b
	rate=$(flood a 10.0.0.2 "$1" 0 ${2:-})
	echo "rate=$rate untold=$(untold benchveth a eth0) missing=$(missing benchveth) shortened=$(shortened benchveth)"
	down benchveth
}

dumped() { # OCTETS
	local rate
	command -v dumpcap >/dev/null || return
	up benchveth "$work/lab.yaml" --no-log
	hold b
	in_device benchveth b dumpcap -q -i eth0 -B 64 -w "$work/dump.pcapng" >"$work/dump.out" 2>&1 &
	sleep 0.7
	rate=$(flood a 10.0.0.2 "$1" 0)
	sleep 0.5
	in_device benchveth b pkill -INT dumpcap
	wait $!
	sed -nE "s/.*eth0.?: [0-9]+\/([0-9]+) .*/rate=$rate missing=\1/p" "$work/dump.out"
	rm -f "$work/dump.pcapng"
	down benchveth
}

both() {
	up benchveth "$work/lab.yaml"
	hold a
	hold b
	flood a 10.0.0.2 64 0 >"$work/ab" &
	flood b 10.0.0.1 64 1 >"$work/ba"
	wait $!
	sync_lab benchveth
	printf 'both cores flood: %s and %s frames/s; %s frames missing, counted; untold: %s and %s\n' \
		"$(cat "$work/ab")" "$(cat "$work/ba")" "$(missing benchveth)" "$(untold benchveth a eth0)" "$(untold benchveth b eth0)"
	down benchveth
}

of() { sed -n "s/.*$1=\([0-9-]*\).*/\1/p" "$2"; }
sum() { of "$@" | awk '{n += $1} END {print n + 0}'; }
line() { # WHAT FILE PLAIN
	local rate
	rate=$(of rate "$2" | median)
	printf '%7s %-22s %10s %6s %10s %10s %8s\n' "$octets" "$1" "$rate" "$(awk "BEGIN {printf \"%.2f\", $rate / $3}")" \
		"$(sum missing "$2")" "$(sum shortened "$2")" "$(sum untold "$2")"
}

printf '%7s %-22s %10s %6s %10s %10s %8s\n' octets what frames/s ratio missing shortened untold
for octets in ${SIZES:-64 1400}; do
	: >"$work/plain" >"$work/paced" >"$work/logged" >"$work/dumped"
	share=$([ "$octets" -lt 500 ] && echo 80 || echo 75)
	for ((r = 0; r < runs; r++)); do
		echo "rate=$(plain "$octets")" >>"$work/plain"
		logged "$octets" $(($(of rate "$work/plain" | tail -n 1) * share / 100)) >>"$work/paced"
		logged "$octets" >>"$work/logged"
		dumped "$octets" >>"$work/dumped"
	done
	p=$(of rate "$work/plain" | median)
	line "no capture" "$work/plain" "$p"
	line "log, at $share % of it" "$work/paced" "$p"
	line "log, as fast as it goes" "$work/logged" "$p"
	[ -s "$work/dumped" ] && line "dumpcap -B 64" "$work/dumped" "$p"
done
[ -n "${NO_BOTH:-}" ] || both
