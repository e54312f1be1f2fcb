#!/bin/bash
# A wire with the log on, on both carriers, against a plain loop that reads frames of one TAP and writes them to
# the other: frames of 64 octets, TCP, TCP over 10 ms each way, and how exact a delay is at 20,000 frames/s.
. "$(dirname "$0")/lib"
secs=${SECS:-4}
carriers=ring
(: <>/dev/net/tun) 2>/dev/null && carriers="ring tap"
carriers=${CARRIERS:-$carriers}

lab() { # CARRIER
	cat <<YAML
name: benchwire
seed: 1
topology:
  nodes:
    a:
      kind: pc
      config: |
        interface eth0
         ip address 10.0.0.1 255.255.255.0
        interface eth1
         ip address 10.0.1.1 255.255.255.0
        interface eth2
         ip address 10.0.2.1 255.255.255.0
    b:
      kind: pc
      config: |
        interface eth0
         ip address 10.0.0.2 255.255.255.0
        interface eth1
         ip address 10.0.1.2 255.255.255.0
        interface eth2
         ip address 10.0.2.2 255.255.255.0
  links:
    - { name: near, endpoints: [ "a:eth0", "b:eth0" ], wire: { carrier: $1 } }
    - { name: far, endpoints: [ "a:eth1", "b:eth1" ], wire: { carrier: $1, delay: 10ms } }
    - { name: lossy, endpoints: [ "a:eth2", "b:eth2" ], wire: { carrier: $1, a-to-b: { loss: 5% } } }
YAML
}

chmod 777 "$work"

begin() { # CARRIER
	lab "$1" >"$work/lab.yaml"
	up benchwire "$work/lab.yaml"
}

frames() { # CARRIER: frames a second that the receiver got
	local before after
	begin "$1"
	in_device benchwire b "$traffic" hold 9 30 &
	sleep 0.2
	before=$(counter benchwire b eth0 rx)
	taskset -c 0 labctl --lab benchwire exec a -- "$traffic" flood 10.0.0.2 9 22 "$secs" >"$work/flood"
	after=$(counter benchwire b eth0 rx)
	# A TAP counts a frame as sent when it is read: what waits in its queue is read first.
	sync_lab benchwire
	echo "per_second=$(((after - before) / secs)) untold=$(untold benchwire a eth0) missing=$(sql benchwire "SELECT count(*) FROM capture_gap
		WHERE what = 'frames' AND reason NOT LIKE 'the device%'") shortened=$(shortened benchwire)"
	down benchwire
}

tcp() { # ADDRESS SECONDS
	in_device benchwire b "$traffic" tcp-recv 80 >"$work/recv" &
	sleep 0.2
	in_device benchwire a "$traffic" tcp-send "$1" 80 "$2" >"$work/send"
	wait $!
	cat "$work/recv" "$work/send" | tr '\n' ' '
	echo
}

tcp_near() { # CARRIER
	begin "$1"
	tcp 10.0.0.2 "$secs"
	down benchwire
}

floor_frames() { "$B/bench/tapfloor" "$traffic" hold 9 30 -- taskset -c 0 "$traffic" flood 10.9.0.2 9 22 "$secs" | tr '\n' ' '; echo; }
floor_tcp() { "$B/bench/tapfloor" "$traffic" tcp-recv 80 -- "$traffic" tcp-send 10.9.0.2 80 "$secs" | tr '\n' ' '; echo; }

# From interface to interface: neither program's wait for a processor counts.
floor_late() {
	rm -f "$work/stamps"
	"$B/bench/tapfloor" taskset -c 0 "$traffic" late 9 $((secs + 1)) "$work/stamps" -- taskset -c 0 "$traffic" flood 10.9.0.2 9 100 "$secs" 20000 "$work/stamps" | tr '\n' ' '
	echo
}

late_once() {
	rm -f "$work/stamps"
	in_device benchwire b taskset -c 0 "$traffic" late 9 $((secs + 1)) "$work/stamps" &
	sleep 0.2
	in_device benchwire a taskset -c 0 "$traffic" flood 10.0.1.2 9 100 "$secs" 20000 "$work/stamps" >/dev/null
	wait $!
}

ages() { # FILE: medians of the runs, then the worst of them
	local v
	for v in p50 p95 p99 max; do
		echo "$v $(med "$1" way_${v}_us) ($(tr ' ' '\n' <"$work/$1" | sed -n "s/^way_${v}_us=//p" | sort -n | tail -n 1)) us"
	done | paste -sd , | sed 's/,/, /g'
}

late() { # CARRIER
	begin "$1"
	# Neighbours are asked for first: what waits for an answer, asked again after a second, is late for another reason.
	in_device benchwire a "$traffic" flood 10.0.1.2 9 100 0.1 20 >/dev/null
	in_device benchwire a "$traffic" flood 10.0.2.2 9 100 0.1 20 >/dev/null
	sleep 1.3
	many late late_once
	in_device benchwire a taskset -c 0 "$traffic" flood 10.0.2.2 9 100 "$secs" 20000 >/dev/null
	sync_lab benchwire
	echo "10 ms asked at 20,000 frames/s, from interface to interface, median (worst) of the runs: $(ages late)"
	sql benchwire "SELECT printf('5 %% loss asked: %.3f %% of %d frames, %.2f standard deviations off', 100.0 * lost / n, n, (lost - n * 0.05) / sqrt(n * 0.05 * 0.95))
		FROM (SELECT count(*) AS n, sum(coalesce(fate, 0) & 1) AS lost FROM packet p JOIN flow f ON f.id = p.flow WHERE f.link = 'lossy' AND f.dst_port = 9)"
	down benchwire
}

far() { # CARRIER
	begin "$1"
	tcp 10.0.1.2 10
	down benchwire
}

many() { # NAME COMMAND...: all runs into a file
	local name=$1 r
	shift
	: >"$work/$name"
	for ((r = 0; r < runs; r++)); do "$@" >>"$work/$name"; done
}
med() { tr ' ' '\n' <"$work/$1" | sed -n "s/^$2=//p" | median; }
sum() { tr ' ' '\n' <"$work/$1" | sed -n "s/^$2=//p" | awk '{n += $1} END {print n + 0}'; }
ratio() { awk "BEGIN {printf \"%.2f\", $1 / $2}"; }

if [ "${carriers%tap}" != "$carriers" ]; then
	many floor floor_frames
	many floor_tcp floor_tcp
	f=$(med floor per_second)
	t=$(med floor_tcp mbit)
	echo "plain TAP loop: $f frames/s, TCP $t Mbit/s"
	many floor_late floor_late
	echo "plain TAP loop at 20,000 frames/s, without delay: $(ages floor_late)"
else
	echo "no floor: /dev/net/tun is not open to this user"
	f=1 t=1
fi
for c in $carriers; do
	many frames frames "$c"
	many tcp tcp_near "$c"
	n=$(med frames per_second)
	m=$(med tcp mbit)
	echo "$c: $n frames/s, ratio $(ratio "$n" "$f"); gaps $(sum frames missing), untold $(sum frames untold), shortened $(sum frames shortened)"
	echo "$c: TCP $m Mbit/s, ratio $(ratio "$m" "$t"), retransmitted $(sum tcp retransmitted), of which needless $(sum tcp needless)"
	far "$c" >"$work/far"
	x=$(value mbit_after_2s <"$work/far")
	echo "$c: TCP over 10 ms each way, 10 s, after 2 s: $x Mbit/s, ratio to the plain loop $(ratio "$x" "$t"), to this wire without delay $(ratio "$x" "$m"), retransmitted $(value retransmitted <"$work/far"), of which needless $(value needless <"$work/far")"
	late "$c" | sed "s/^/$c: /"
done
