#!/bin/bash
# The log on a veth link: one flow of datagrams, frames of 64 and 1400 octets: at a share of what goes without
# capture, as fast as one core sends them, and with dumpcap -B 64 in its place. Then both ends at once.
#
# What a core sends changes from second to second where other guests share its processor, so a flood without
# capture goes before and after each one, and the ratio is to the mean of the two. Memory that a guest's host
# takes back is slow when it is used for the first time, so a file as large as what will be written is written and
# removed before each (COLD=1: not). WAL in MiB, the worst stall of the writer in ms.
. "$(dirname "$0")/lib"
secs=${SECS:-4}
for lab in benchveth benchplain; do
	cat >"$work/$lab.yaml" <<YAML
name: $lab
seed: 1
topology:
  nodes:
    a: { kind: pc, config: "interface eth0\n ip address 10.0.0.1 255.255.255.0" }
    b: { kind: pc, config: "interface eth0\n ip address 10.0.0.2 255.255.255.0" }
  links:
    - endpoints: [ "a:eth0", "b:eth0" ]
YAML
done

# flood LAB FROM ADDRESS OCTETS CORE SECONDS [PER_SECOND]: frames a second
flood() {
	taskset -c "$5" timeout 60 labctl --lab "$1" exec "$2" -- "$traffic" flood "$3" 9 $(($4 - 42)) "$6" ${7:-} | value rate
}

hold() { # LAB DEVICE SECONDS
	in_device "$1" "$2" "$traffic" hold 9 "$3" &
	sleep 0.2
}

warm() {
	[ -n "${COLD:-}" ] && return
	head -c $((secs << 28)) /dev/zero >"$work/warm"
	rm "$work/warm"
}

plain() { # OCTETS
	flood benchplain a 10.0.0.2 "$1" 0 2
}

jiffies() { awk '{print $14 + $15}' "/proc/$1/stat"; }

logged() { # OCTETS [PER_SECOND]: rate, frames missing, untold, payloads shortened, CPU time of the log, its WAL, its worst commit
	local rate before pid
	up benchveth "$work/benchveth.yaml"
	pid=$(pgrep -n labd-log)
	hold benchveth b 30
	before=$(jiffies "$pid")
	rate=$(flood benchveth a 10.0.0.2 "$1" 0 "$secs" ${2:-})
	echo "rate=$rate untold=$(untold benchveth a eth0) missing=$(missing benchveth) shortened=$(shortened benchveth)" \
		"cpu=$((($(jiffies "$pid") - before) * 10000000 / (rate * secs)))" \
		"wal=$(($(stat -c %s "$XDG_STATE_HOME/labd/benchveth/latest/log.db-wal") >> 20)) worst=$(worst_commit benchveth)"
	down benchveth
}

dumped() { # OCTETS
	local rate pid
	in_device benchplain b dumpcap -q -i eth0 -B 64 -w "$work/dump.pcapng" >"$work/dump.out" 2>&1 &
	pid=$!
	sleep 0.7
	rate=$(flood benchplain a 10.0.0.2 "$1" 0 "$secs")
	sleep 0.5
	in_device benchplain b pkill -INT dumpcap
	wait $pid
	sed -nE "s/.*eth0.?: [0-9]+\/([0-9]+) .*/rate=$rate missing=\1/p" "$work/dump.out"
	rm -f "$work/dump.pcapng"
}

# between FILE COMMAND...: what the command prints, with the rates without capture before and after it
between() {
	local file=$1 before=$last
	shift
	warm
	set -- $("$@")
	last=$(plain "$octets")
	echo "$* plain=$(((before + last) / 2)) offered=${offered:-}" >>"$work/$file"
}

both() {
	warm
	up benchveth "$work/benchveth.yaml"
	hold benchveth a 30
	hold benchveth b 30
	flood benchveth a 10.0.0.2 64 0 "$secs" >"$work/ab" &
	flood benchveth b 10.0.0.1 64 1 "$secs" >"$work/ba"
	wait $!
	sync_lab benchveth
	printf 'both cores flood: %s and %s frames/s; %s frames missing, counted; untold: %s and %s\n' \
		"$(cat "$work/ab")" "$(cat "$work/ba")" "$(missing benchveth)" "$(untold benchveth a eth0)" "$(untold benchveth b eth0)"
	down benchveth
}

of() { sed -n "s/.*\b$1=\([0-9-]*\).*/\1/p" "$2"; }
sum() { of "$@" | awk '{n += $1} END {print n + 0}'; }
ratios() { # NAME OF_NAME FILE: median of the quotients
	paste <(of "$1" "$3") <(of "$2" "$3") | awk '{printf "%.3f\n", $1 / $2}' | median
}
line() { # WHAT FILE
	printf '%7s %-22s %10s %10s %6s %10s %10s %8s %7s %4s %6s\n' "$octets" "$1" "$(of offered "$2" | median)" "$(of rate "$2" | median)" \
		"$(ratios rate plain "$2")" "$(sum missing "$2")" "$(sum shortened "$2")" "$(sum untold "$2")" \
		"$(of cpu "$2" | median)" "$(of wal "$2" | sort -n | tail -n 1)" "$(of worst "$2" | sort -n | tail -n 1)"
}

up benchplain "$work/benchplain.yaml" --no-log
hold benchplain b 1000
printf '%7s %-22s %10s %10s %6s %10s %10s %8s %7s %4s %6s\n' octets what offered frames/s ratio missing shortened untold 'ns each' WAL stall
for octets in ${SIZES:-64 1400}; do
	: >"$work/paced" >"$work/logged" >"$work/dumped"
	share=$([ "$octets" -lt 500 ] && echo 80 || echo 75)
	last=$(plain "$octets")
	for ((r = 0; r < runs; r++)); do
		offered=$((last * share / 100))
		between paced logged "$octets" $offered
		offered=
		between logged logged "$octets"
		command -v dumpcap >/dev/null && between dumped dumped "$octets"
	done
	printf '%7s %-22s %10s %10s %6s\n' "$octets" "no capture" "" "$(cat "$work/paced" "$work/logged" "$work/dumped" | of plain - | median)" 1
	line "log, at $share % of it" "$work/paced"
	line "log, as fast as it goes" "$work/logged"
	[ -s "$work/dumped" ] && line "dumpcap -B 64" "$work/dumped"
	[ -n "${SHOW:-}" ] && grep . "$work/paced" "$work/logged" "$work/dumped"
done
[ -n "${NO_BOTH:-}" ] || both
