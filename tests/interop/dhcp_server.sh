#!/bin/bash
# Our DHCP server and relay, asked by two clients of others: ISC dhclient and Busybox udhcpc.
. "$(dirname "$0")/lib" || exit 1
need dhclient udhcpc

#   isc1, bb1, bad -- [sw1] -- (r1: pools) -- (r2: relay) -- [sw2] -- isc2, bb2
#        10.0.0.0/24            10.0.1.0/24            10.0.2.0/24
lab interop-dhcp-server <<'LAB'
name: interop-dhcp-server
seed: 21
topology:
  nodes:
    r1:
      kind: router
      config: |
        interface eth0
         ip address 10.0.0.1 255.255.255.0
        interface eth1
         ip address 10.0.1.1 255.255.255.0
        ip route 10.0.2.0 255.255.255.0 10.0.1.2
        ip dhcp excluded-address 10.0.0.1 10.0.0.99
        ip dhcp excluded-address 10.0.2.1 10.0.2.49
        ip dhcp pool LAN
         network 10.0.0.0 255.255.255.0
         default-router 10.0.0.1
         dns-server 10.0.9.53 10.0.9.54
         domain-name floor0.test
         netbios-name-server 10.0.9.9
         option 42 ip 10.0.9.123
         lease 0 1 30
        ip dhcp pool FLOOR2
         network 10.0.2.0 255.255.255.0
         default-router 10.0.2.1
         dns-server 10.0.9.53
         domain-name floor2.test
        ip dhcp pool PRINTER
         host 10.0.0.77 255.255.255.0
         hardware-address 02aa.0000.0077
    r2:
      kind: router
      config: |
        interface eth0
         ip address 10.0.1.2 255.255.255.0
        interface eth1
         ip address 10.0.2.1 255.255.255.0
         ip helper-address 10.0.1.1
        ip dhcp relay information option
        ip route 10.0.0.0 255.255.255.0 10.0.1.1
    sw1: { kind: switch }
    sw2: { kind: switch }
    isc1: { kind: linux }
    isc2: { kind: linux }
    bb1: { kind: linux }
    bb2: { kind: linux }
    bad: { kind: linux }
  links:
    - endpoints: [ "r1:eth0", "sw1:1" ]
    - endpoints: [ "isc1:eth0", "sw1:2" ]
    - endpoints: [ "bb1:eth0", "sw1:3" ]
    - endpoints: [ "bad:eth0", "sw1:4" ]
    - endpoints: [ "r1:eth1", "r2:eth0" ]
    - endpoints: [ "r2:eth1", "sw2:1" ]
    - endpoints: [ "isc2:eth0", "sw2:2" ]
    - endpoints: [ "bb2:eth0", "sw2:3" ]
LAB

# What the clients call: they say what they got, and take the address as their own scripts would.
cat >"$S/dhclient-hook" <<'HOOK'
#!/bin/bash
exec >>"$HOOK_OUT" 2>&1
echo "reason=$reason address=$new_ip_address mask=$new_subnet_mask router=$new_routers" \
	"dns=$new_domain_name_servers domain=$new_domain_name ntp=$new_ntp_servers" \
	"lease=$new_dhcp_lease_time server=$new_dhcp_server_identifier" \
	"wins=$new_netbios_name_servers client=$new_dhcp_client_identifier"
case $reason in
BOUND | REBOOT)
	ip addr replace "$new_ip_address/24" dev "$interface"
	ip route replace default via "$new_routers"
	;;
RELEASE | EXPIRE | FAIL | STOP) ip addr flush dev "$interface" ;;
esac
exit 0
HOOK
cat >"$S/udhcpc-hook" <<'HOOK'
#!/bin/bash
exec >>"$HOOK_OUT" 2>&1
echo "reason=$1 address=${ip:-} mask=${subnet:-} router=${router:-} dns=${dns:-}" \
	"domain=${domain:-} ntp=${ntpsrv:-} lease=${lease:-} server=${serverid:-} wins=${wins:-}"
case $1 in
bound)
	ip addr replace "$ip/$mask" dev "$interface"
	ip route replace default via "$router"
	;;
deconfig) ip addr flush dev "$interface" ;;
esac
exit 0
HOOK
# A client that finds each first address in use.
cat >"$S/decline-hook" <<'HOOK'
#!/bin/bash
echo "reason=$reason address=$new_ip_address" >>"$HOOK_OUT"
[ "$reason" = BOUND ] && [ ! -e "$HOOK_OUT.declined" ] && touch "$HOOK_OUT.declined" && exit 1
exit 0
HOOK
chmod 755 "$S"/*-hook
# 60 s is the shortest lease our server gives: it is renewed after 23 to 30.
cat >"$S/dhclient.conf" <<'CONF'
initial-delay 0;
retry 5;
select-timeout 0;
reboot 3;
send dhcp-lease-time 60;
request subnet-mask, routers, domain-name-servers, domain-name, ntp-servers, netbios-name-servers;
CONF
sed 's/^send dhcp-lease-time.*/send host-name "isc-two";/' "$S/dhclient.conf" >"$S/dhclient-long.conf"

dhclient_args() { # NAME CONF
	echo "-4 -d -1 -v -sf $S/dhclient-hook -e HOOK_OUT=$S/$1.hook -lf $S/$1.lease -pf $S/$1.pid" \
		"-cf $S/$2 eth0"
}

lease() { # ADDRESS -> state of its newest row
	sql "SELECT state FROM dhcp4_lease WHERE addr = '$1' ORDER BY since DESC LIMIT 1"
}

released() {
	[ "$(lease "$1")" = released ]
}

got() { # REASON FILE -> address
	sed -n "s/^reason=$1 address=\([0-9.]*\).*/\1/p" "$2" | head -n 1
}

bound_elsewhere() { # FILE ADDRESS
	grep '^reason=BOUND address=[0-9]' "$1" | grep -Fvq "address=$2"
}

bound() { # FILE REASON
	grep -Eq "^reason=$2 address=[0-9]" "$1"
}

# --- they get a lease: on the server's own network and through the relay ---
for n in 1 2; do
	conf=dhclient.conf
	[ $n = 2 ] && conf=dhclient-long.conf
	# shellcheck disable=SC2046
	start isc$n isc$n dhclient $(dhclient_args isc$n $conf)
	start bb$n bb$n env HOOK_OUT="$S/bb$n.hook" udhcpc -f -R -t 5 -T 2 -i eth0 -s "$S/udhcpc-hook" \
		-O ntpsrv -O wins -x hostname:bb-$n
done
for n in 1 2; do
	check "dhclient on network $n is bound" await 20 bound "$S/isc$n.hook" BOUND
	check "udhcpc on network $n is bound" await 20 bound "$S/bb$n.hook" bound
done
has "dhclient: what the pool says, for the 60 s it asked for" "$S/isc1.hook" \
	'^reason=BOUND address=10\.0\.0\.1[0-9][0-9] mask=255\.255\.255\.0 router=10\.0\.0\.1 dns=10\.0\.9\.53 10\.0\.9\.54 domain=floor0\.test ntp=10\.0\.9\.123 lease=60 server=10\.0\.0\.1 wins=10\.0\.9\.9'
has "udhcpc: what the pool says, for the pool's 90 min" "$S/bb1.hook" \
	'^reason=bound address=10\.0\.0\.1[0-9][0-9] mask=255\.255\.255\.0 router=10\.0\.0\.1 dns=10\.0\.9\.53 10\.0\.9\.54 domain=floor0\.test ntp=10\.0\.9\.123 lease=5400 server=10\.0\.0\.1 wins=10\.0\.9\.9'
has "dhclient through the relay: the other pool, a day" "$S/isc2.hook" \
	'^reason=BOUND address=10\.0\.2\.[5-9][0-9] .* router=10\.0\.2\.1 dns=10\.0\.9\.53 domain=floor2\.test ntp= lease=86400 server=10\.0\.[01]\.1 '
has "udhcpc through the relay: the other pool, a day" "$S/bb2.hook" \
	'^reason=bound address=10\.0\.2\.[5-9][0-9] .* router=10\.0\.2\.1 dns=10\.0\.9\.53 domain=floor2\.test ntp= lease=86400 server=10\.0\.[01]\.1 '
same "four leases in the database" "$(sql "SELECT count(DISTINCT addr) AS n FROM dhcp4_lease WHERE state = 'bound' AND until IS NULL")" 4
same "with the clients' names" "$(sql "SELECT count(*) AS n FROM dhcp4_lease WHERE state = 'bound' AND until IS NULL AND hostname IN ('bb-1', 'bb-2', 'isc-two')")" 3
for n in 1 2; do
	check "a leased address on network $n reaches the server" on bb$n ping -c 1 -W 3 10.0.1.1
done
a_isc1=$(got BOUND "$S/isc1.hook")
a_isc2=$(got BOUND "$S/isc2.hook")
a_bb1=$(got bound "$S/bb1.hook")
a_bb2=$(got bound "$S/bb2.hook")

# --- udhcpc: renews, releases, gets the same address again ---
for n in 1 2; do
	signal bb$n USR1
	check "udhcpc on network $n renews at once" await 5 bound "$S/bb$n.hook" renew
done
for n in 1 2; do
	finish bb$n TERM # -R: it releases
	address=a_bb$n
	check "its release on network $n ends the lease" await 5 released "${!address}"
	start bb$n bb$n env HOOK_OUT="$S/bb$n.again" udhcpc -f -q -n -R -t 5 -T 2 -i eth0 -s "$S/udhcpc-hook" -O wins
done
for n in 1 2; do
	address=a_bb$n
	check "udhcpc on network $n gets" await 15 bound "$S/bb$n.again" bound
	same "the address it had before" "$(got bound "$S/bb$n.again")" "${!address}"
	wait "${background[bb$n]}"
	same "udhcpc -q ends with success" $? 0
done
check "udhcpc asks for an address of its choice" on bb1 env HOOK_OUT="$S/bb1.wish" \
	udhcpc -f -q -n -t 5 -T 2 -i eth0 -s "$S/udhcpc-hook" -C -x 0x3d:00626231 -r 10.0.0.222
same "and gets it" "$(got bound "$S/bb1.wish")" 10.0.0.222
on bad ip link set eth0 address 02:aa:00:00:00:77
check "udhcpc with the printer's MAC address" on bad env HOOK_OUT="$S/printer.hook" \
	udhcpc -f -q -n -t 5 -T 2 -i eth0 -s "$S/udhcpc-hook" -C
same "gets the address of the table" "$(got bound "$S/printer.hook")" 10.0.0.77
on bad ip link set eth0 address 02:aa:00:00:00:78

# --- dhclient: an address from elsewhere, one that is in use ---
cat >"$S/wrong.lease" <<'LEASE'
lease {
  interface "eth0";
  fixed-address 192.168.77.5;
  option subnet-mask 255.255.255.0;
  option dhcp-lease-time 86400;
  option dhcp-server-identifier 192.168.77.1;
  renew 5 2037/01/01 00:00:00;
  rebind 5 2037/06/01 00:00:00;
  expire 5 2037/12/01 00:00:00;
}
LEASE
start wrong bad dhclient $(dhclient_args wrong dhclient-long.conf)
check "dhclient with a lease of another network starts over" await 20 bound "$S/wrong.hook" BOUND
has "and is refused the old address first" "$S/wrong.log" 'DHCPNAK from 10\.0\.0\.1'
check "with a new one of this network" grep -Eq '^reason=BOUND address=10\.0\.0\.1' "$S/wrong.hook"
await 5 grep -q '^bound to' "$S/wrong.log" # it has written the lease down
# The same program, now remembering, boots again: a REQUEST without a DISCOVER (INIT-REBOOT).
finish wrong KILL
on bad ip addr flush dev eth0
mv "$S/wrong.lease" "$S/again.lease"
start again bad dhclient $(dhclient_args again dhclient-long.conf)
check "dhclient that remembers its lease boots again" await 20 bound "$S/again.hook" REBOOT
has_not "without a DISCOVER" "$S/again.log" DHCPDISCOVER
finish again KILL
decline_args="-4 -d -1 -v -sf $S/decline-hook -e HOOK_OUT=$S/decline.hook -lf $S/decline.lease
	-pf $S/decline.pid -cf $S/dhclient.conf eth0"
start decline bad dhclient $decline_args
check "dhclient declines an address" await 20 grep -q 'DHCPDECLINE' "$S/decline.log"
finish decline KILL
declined=$(got BOUND "$S/decline.hook")
check "which goes into the conflict table" await 5 is_true \
	"SELECT count(*) AS n FROM dhcp4_conflict WHERE addr = '$declined' AND until IS NULL"
start once-more bad dhclient $decline_args
check "dhclient tries again and gets another" await 20 bound_elsewhere "$S/decline.hook" "$declined"
finish once-more KILL

# --- both with the scripts of their packages: they write where only root of the host may ---
host_resolver=$(md5sum /etc/resolv.conf)
check "dhclient as it comes" on bad dhclient -1 eth0
check "has set the address" on bad sh -c 'ip -4 addr show dev eth0 | grep -q "inet 10\.0\.0\.1[0-9]*/24"'
check "the gateway" on bad sh -c 'ip route | grep -q "^default via 10\.0\.0\.1 "'
check "the resolver" on bad grep -q '^nameserver 10\.0\.9\.54' /etc/resolv.conf
check "and releases" on bad dhclient -r eth0
same "nothing is left of it" "$(on bad ip -4 -o addr show dev eth0 | wc -l)" 0
if [ -x /etc/udhcpc/default.script ]; then
	check "udhcpc as it comes" on bad udhcpc -q -n -t 5 -T 2 -i eth0
	check "has set the gateway" on bad sh -c 'ip route | grep -q "^default via 10\.0\.0\.1 "'
	check "and the resolver" on bad grep -q '^nameserver 10\.0\.9\.54' /etc/resolv.conf
fi
if command -v dhcpcd >/dev/null; then # -A: no ARP probes, which take it five seconds
	on bad ip addr flush dev eth0
	check "dhcpcd" on bad dhcpcd -4 -1 -A -B -t 10 eth0
	check "has set the address" on bad sh -c 'ip -4 addr show dev eth0 | grep -q "inet 10\.0\.0\.1[0-9]*/24"'
	check "the gateway" on bad sh -c 'ip route | grep -q "^default via 10\.0\.0\.1 "'
	check "the resolver" on bad grep -q '^nameserver 10\.0\.9\.54' /etc/resolv.conf
	on bad ip addr flush dev eth0
	check "dhcpcd with an address of its own asks for the rest" on bad sh -c '
		ip addr add 10.0.0.90/24 dev eth0 && : >/etc/resolv.conf && rm -f /var/lib/dhcpcd/* &&
		dhcpcd -4 -1 -A -B -t 10 -s 10.0.0.90/24 eth0'
	check "and is told the resolver" on bad grep -q '^nameserver 10\.0\.9\.54' /etc/resolv.conf
	check "by an answer to an INFORM" [ "$(taken dhcp4.server.inform-ack r1)" -gt 0 ]
	on bad ip addr flush dev eth0
fi
same "the host's resolver is as it was" "$(md5sum /etc/resolv.conf)" "$host_resolver"

# --- dhclient: renewal by its own clock, release ---
check "dhclient renews by itself" await 30 bound "$S/isc1.hook" RENEW
has "by unicast to the server" "$S/isc1.log" 'DHCPREQUEST for .* to 10\.0\.0\.1 port 67'
same "and keeps its address" "$(got RENEW "$S/isc1.hook")" "$a_isc1"
for n in 1 2; do
	finish isc$n KILL
	address=a_isc$n
	check "dhclient -r on network $n" on isc$n dhclient -r $(dhclient_args isc$n dhclient.conf)
	check "ends the lease" await 5 released "${!address}"
done

# --- what our side says about it ---
for rule in dhcp4.server.offer-available dhcp4.server.offer-previous dhcp4.server.ack-request \
	dhcp4.server.bind dhcp4.server.renew-ack dhcp4.server.release-unbind dhcp4.server.grant-last-ip \
	dhcp4.server.alloc-manual dhcp4.server.nak-wrong-subnet dhcp4.server.decline \
	dhcp4.server.echo-relay-info; do
	check "r1 took $rule" [ "$(taken $rule r1)" -gt 0 ]
done
for rule in dhcp4.relay.forward dhcp4.relay.to-client dhcp4.relay.info-option; do
	check "r2 took $rule" [ "$(taken $rule r2)" -gt 0 ]
done
same "nothing was dropped as invalid" "$(taken dhcp4.server.drop-invalid)" 0
judge all
verdict
