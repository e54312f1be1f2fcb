#!/bin/bash
# Leases for all: N PCs that ask a router for their address, milliseconds from the lab's birth until all
# services listen and until the last PC has its lease, with the server's two echo probes (500 ms each,
# as IOS has them) and without; by the rows of the database. Medians of RUNS.
. "$(dirname "$0")/lib"
. tests/bench/topology

# LAB N: ms of the lab's time until the last of N leases
leased() {
	local tries=0 n
	while ((tries++ < 300)); do
		n=$(sql "$1" "SELECT count(*) FROM dhcp4_lease WHERE device = 'r1' AND state = 'bound' AND until IS NULL")
		[ -n "$n" ] || break
		[ "$n" = "$2" ] && break
		sleep 0.1
	done
	[ "$n" = "$2" ] || die "${n:-0} of $2 PCs have a lease"
	sql "$1" "SELECT max(since) / 1000000 FROM dhcp4_lease WHERE device = 'r1' AND state = 'bound'"
}

printf '%7s %7s %10s %11s %8s\n' devices ready leases unprobed missing
for n in ${SIZES:-10 100 500}; do
	rm -f "$work"/{ready,probed,unprobed}
	for ((r = 0; r < runs; r++)); do
		for how in probed unprobed; do
			conf=
			[ $how = unprobed ] && conf="ip dhcp ping packets 0"
			lease_lab "$n" "$conf" >"$work/lab.yaml"
			up "lease$n" "$work/lab.yaml" --json
			sed 's/.*"ms":\([0-9]*\).*/\1/' "$work/up.out" >>"$work/ready"
			leased "lease$n" "$n" >>"$work/$how" || exit 1
			sync_lab "lease$n"
			gaps=$(missing "lease$n")
			down "lease$n"
		done
	done
	printf '%7d %7d %10d %11d %8d\n' "$n" "$(median <"$work/ready")" "$(median <"$work/probed")" "$(median <"$work/unprobed")" "$gaps"
done
