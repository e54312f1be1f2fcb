#!/bin/bash
# DHCP: four-way exchanges a second, beside Kea; both keep their leases on disk, neither probes an
# address before it offers it. What counts is the rate at which hardly any message stays without an
# answer: when far more is asked for, perfdhcp itself is what gives out. Without the log; then with it.
. "$(dirname "$0")/services" || exit 1
need perfdhcp kea-dhcp4

config="        ip dhcp ping packets 0
        ip dhcp excluded-address 10.8.0.0 10.8.0.255
        ip dhcp pool bench
         network 10.8.0.0 255.255.0.0
         lease 0 1"
cat >"$work/kea.json" <<CONF
{"Dhcp4": {
  "interfaces-config": {"interfaces": ["eth0"], "dhcp-socket-type": "raw"},
  "lease-database": {"type": "memfile", "persist": true, "name": "$work/kea.csv", "lfc-interval": 0},
  "valid-lifetime": 3600,
  "subnet4": [{"subnet": "10.9.0.0/16", "pools": [{"pool": "10.9.1.0-10.9.255.254"}]}],
  "loggers": [{"name": "kea-dhcp4", "severity": "ERROR", "output_options": [{"output": "$work/kea.log"}]}]
}}
CONF

# INTERFACE RATE -> exchanges a second, drops of both halves in percent
exchange() {
	on cl perfdhcp -4 -l "$1" -r "$2" -R 30000 -p "$secs" 2>&1 |
		awk '/^Rate:/ {x = $2} /drops ratio/ {if (!n++) d = $3; else r = $3}
			END {printf "%.0f discover=%.1f%% request=%.1f%%\n", x, d, r}'
}

# "RATE discover=X% request=Y%": hardly any is lost.
kept() { awk '{for (i = 2; i <= 3; i++) {sub(/.*=/, "", $i); if ($i + 0 > 1) exit 1}}' <<<"$1"; }

# INTERFACE -> exchanges a second of the fastest of rising rates at which at most 1 % is lost. One that
# fails is tried once more: a moment in which somebody else has the processor is nobody's capacity.
capacity() {
	local rate line best="0 -"
	for ((rate = 4000; rate <= 20000; rate += 2000)); do
		line=$(exchange "$1" $rate)
		kept "$line" || { line=$(exchange "$1" $rate) && kept "$line"; } || break
		best="${line%% *} - ${line#* }"
	done
	echo "$best"
}

up "$config" --no-log
peer env KEA_PIDFILE_DIR="$work" KEA_LOCKFILE_DIR=none kea-dhcp4 -c "$work/kea.json"
heading "without the log" Kea "unanswered"
for ((r = 0; r < runs; r++)); do
	measure ours labnode exchange eth0 3000
	measure peer kea-dhcp4 exchange eth1 3000
done
compare "exchanges/s of 3000"
secs=2
for ((r = 0; r < runs; r++)); do
	capacity eth0 >>"$work/ours"
	capacity eth1 >>"$work/peer"
done
compare "exchanges/s, answered"
down

[ -n "${NOLOG:-}" ] && exit
up "$config"
echo "with everything logged:"
echo "  exchanges/s, answered: $(capacity eth0 | sed "s/ - / /")"
echo "  frames missing:      $(frames_missing)"
