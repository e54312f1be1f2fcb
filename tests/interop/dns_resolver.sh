#!/bin/bash
# Our resolver, recursive server and forwarder, with BIND and unbound as name servers; and both of
# them as resolvers, BIND as secondary too, of our authoritative server.
. "$(dirname "$0")/lib" || exit 1
need named unbound dig

# All on one LAN, 10.4.0.0/24:
#   .2 auth   named: ., test, example.test, reverse   .3 auth2  named: sub.test; secondary of own.test
#   .4 unb    unbound, recursive                      .5 bindr  named, recursive
#   .6 rec    ours, recursive, root hints             .7 fwdu   ours, forwards to unbound
#   .8 fwdb   ours, forwards to named                 .9 own    ours, authoritative: own.test
#   pcu, pcb, pcr, pcf: PCs whose resolver is .4, .5, .6, .7
zone() { # NAME: the zone on standard input
	{
		echo '$TTL 300'
		cat
	} >"$S/$1.zone"
}
zone root <<'Z'
@ SOA a.root. admin.root. 1 3600 600 86400 60
@ NS a.root.
a.root. A 10.4.0.2
test. NS ns.test.
ns.test. A 10.4.0.2
10.in-addr.arpa. NS ns.test.
Z
zone test <<'Z'
@ SOA ns admin 1 3600 600 86400 60
@ NS ns
ns A 10.4.0.2
example NS ns
sub NS ns.sub
ns.sub A 10.4.0.3
noglue NS ns.sub
lame NS nobody
nobody A 10.4.0.99
own NS ns.own
ns.own A 10.4.0.9
Z
zone example <<'Z'
@ SOA ns.test. admin 9 3600 600 86400 60
@ NS ns.test.
@ MX 10 mail
@ TXT "v=none" "second string"
www A 10.4.1.1
www AAAA fd00:4::1
ftp CNAME www
far CNAME www.sub.test.
chain1 CNAME chain2
chain2 CNAME chain3
chain3 CNAME far
loop1 CNAME loop2
loop2 CNAME loop1
mail A 10.4.1.25
auth A 10.4.0.2
_sip._udp SRV 10 60 5060 www
Z
for i in {10..40}; do
	echo "many A 10.4.9.$i"
	printf 'long TXT "%080d"\n' "$i"
done >>"$S/example.zone"
zone reverse <<'Z'
@ SOA ns.test. admin.test. 1 3600 600 86400 60
@ NS ns.test.
1.1.4 PTR www.example.test.
Z
zone sub <<'Z'
@ SOA ns admin 1 3600 600 86400 60
@ NS ns
ns A 10.4.0.3
www A 10.4.2.80
Z
zone noglue <<'Z'
@ SOA ns.sub.test. admin 1 3600 600 86400 60
@ NS ns.sub.test.
www A 10.4.2.81
Z
named_conf() { # NAME ADDRESS RECURSION: its zones on standard input
	cat >"$S/$1.conf" <<C
options {
	directory "$S"; listen-on { $2; }; listen-on-v6 { none; }; pid-file none; session-keyfile none;
	recursion $3; allow-query { any; }; dnssec-validation no;
	allow-transfer { none; }; notify no; empty-zones-enable no;
};
controls { };
C
	cat >>"$S/$1.conf"
}
named_conf auth 10.4.0.2 no <<C
zone "." { type primary; file "root.zone"; };
zone "test" { type primary; file "test.zone"; };
zone "example.test" { type primary; file "example.zone"; };
zone "10.in-addr.arpa" { type primary; file "reverse.zone"; };
C
named_conf auth2 10.4.0.3 no <<C
zone "sub.test" { type primary; file "sub.zone"; };
zone "noglue.test" { type primary; file "noglue.zone"; };
zone "own.test" { type secondary; primaries { 10.4.0.9; }; masterfile-format text; file "own.copy"; };
C
printf '. 3600 NS a.root.\na.root. 3600 A 10.4.0.2\n' >"$S/hints"
named_conf bindr 10.4.0.5 yes <<C
zone "." { type hint; file "hints"; };
C
cat >"$S/unbound.conf" <<C
server:
	interface: 10.4.0.4
	access-control: 10.0.0.0/8 allow
	username: "" chroot: "" pidfile: "" use-syslog: no directory: "$S"
	module-config: iterator
	root-hints: $S/hints
	do-ip6: no
	use-caps-for-id: yes
	local-zone: "test." nodefault
	local-zone: "10.in-addr.arpa." nodefault
	verbosity: 1
remote-control:
	control-enable: no
C
chmod 777 "$S"

device() { # NAME KIND LAST-OCTET LINES...
	local line
	printf '    %s:\n      kind: %s\n      config: |\n' "$1" "$2"
	printf '        interface eth0\n         ip address 10.4.0.%s 255.255.255.0\n' "$3"
	shift 3
	for line; do
		printf '        %s\n' "$line"
	done
}

lab_file() {
	printf 'name: interop-dns-resolver\nseed: 32\ntopology:\n  nodes:\n    sw1: { kind: switch }\n'
	device auth linux 2
	device auth2 linux 3
	device unb linux 4
	device bindr linux 5
	device rec server 6 "ip dns server" "ip dns root-hint a.root 10.4.0.2"
	device fwdu server 7 "ip dns server" "ip dns forwarder 10.4.0.4"
	device fwdb server 8 "ip dns server" "ip dns forwarder 10.4.0.5"
	device own server 9 "ip dns server" "no ip dns recursion" "ip dns zone own.test" \
		" soa ns.own.test. admin.own.test. 3" " allow-transfer any" " record @ NS ns" \
		" record ns A 10.4.0.9" " record www A 10.4.3.80" " record alias CNAME www" \
		" record *.any A 10.4.3.99" ' record text TXT "of our own"' " record odd TYPE65400 \\# 3 010203"
	device pcu pc 21 "ip name-server 10.4.0.4"
	device pcb pc 22 "ip name-server 10.4.0.5" "ip domain-name example.test"
	device pcr pc 23 "ip name-server 10.4.0.6"
	device pcf pc 24 "ip name-server 10.4.0.99 10.4.0.7" "ip domain timeout 1" "ip domain retry 0"
	echo "  links:"
	n=0
	for d in auth auth2 unb bindr rec fwdu fwdb own pcu pcb pcr pcf; do
		n=$((n + 1))
		printf '    - { name: %s, endpoints: [ "%s:eth0", "sw1:%d" ] }\n' $d $d $n
	done
}
lab interop-dns-resolver < <(lab_file)

for n in auth auth2 bindr; do
	start $n $n named -g -n 1 -c "$S/$n.conf"
done
start unbound unb unbound -d -c "$S/unbound.conf"
answers() { # SERVER NAME
	[ "$(on pcu dig +short +tries=1 +time=1 "@$1" "$2" SOA | wc -l)" = 1 ]
}
check "named serves" await 10 answers 10.4.0.2 example.test
check "the second too" await 10 answers 10.4.0.3 sub.test
check "named, recursive" await 10 answers 10.4.0.5 sub.test
check "unbound, recursive" await 10 answers 10.4.0.4 sub.test

look() { # PC WORDS...
	local pc=$1
	shift
	run "$pc" "nslookup $*" >"$S/a" 2>&1
}
says() {
	local text=$1 regex
	shift
	for regex in "$@"; do
		has "$text: $regex" "$S/a" "$regex"
	done
}

# --- our resolver, with each server of theirs and of ours ---
for pc in pcu pcb pcr; do
	look $pc www.example.test
	says "$pc: address" '10\.4\.1\.1$'
	look $pc ftp.example.test
	says "$pc: alias" '10\.4\.1\.1$' 'www\.example\.test'
	look $pc chain1.example.test
	says "$pc: a chain of aliases into another zone" '10\.4\.2\.80$'
	look $pc -type=MX example.test
	says "$pc: MX" '10.*mail\.example\.test'
	look $pc -type=TXT example.test
	says "$pc: TXT" 'v=none'
	look $pc -type=AAAA www.example.test
	says "$pc: AAAA" 'fd00:4::1'
	look $pc -type=SRV _sip._udp.example.test
	says "$pc: SRV" '5060'
	look $pc 10.4.1.1
	says "$pc: PTR" 'www\.example\.test'
	look $pc -type=TXT long.example.test
	says "$pc: a long answer, over TCP" '00010"' '00040"'
	look $pc nobody.example.test
	says "$pc: no such name" '[Nn]on-existent|[Nn]o such|NXDOMAIN'
	look $pc -type=MX www.example.test
	says "$pc: no such type" '[Nn]o .*MX|[Nn]o .*records|[Nn]o answer|primary name server'
	look $pc www.own.test
	says "$pc: our own zone" '10\.4\.3\.80$'
	look $pc x.y.any.own.test
	says "$pc: our wildcard" '10\.4\.3\.99$'
done
check "another machine of the device asks" run pcu "ping auth.example.test"
check "with the domain as suffix" run pcb "ping auth"
look pcf www.example.test
says "the first server is dead, the second answers" '10\.4\.1\.1$'

# --- our recursive server, our forwarders ---
ask() { # SERVER WORDS...
	on pcu dig +tries=1 +time=8 "$@" >"$S/dig.out" 2>&1
	tr -s ' \t' ' ' <"$S/dig.out" >"$S/a"
}
for server in 10.4.0.6 10.4.0.7 10.4.0.8; do
	on rec true
	ask @$server www.example.test
	says "$server" 'status: NOERROR' 'flags: qr rd ra;' '^www\.example\.test\. [0-9]+ IN A 10\.4\.1\.1$'
	ask @$server far.example.test
	says "$server: alias" '^far\..* IN CNAME www\.sub\.test\.$' '^www\.sub\.test\. .* A 10\.4\.2\.80$'
	ask @$server www.noglue.test
	says "$server: no glue" 'IN A 10\.4\.2\.81$'
	ask @$server many.example.test
	says "$server: 31 addresses" 'ANSWER: 31,'
	ask @$server long.example.test TXT
	says "$server: 31 long texts" 'ANSWER: 31,'
	ask @$server nobody.sub.test
	says "$server: no such name" 'status: NXDOMAIN' 'sub\.test\. .* SOA'
	ask @$server www.example.test SRV
	says "$server: no such type" 'status: NOERROR' 'ANSWER: 0, AUTHORITY: 1'
	ask @$server loop1.example.test
	says "$server: a loop of aliases ends" 'status: (SERVFAIL|NOERROR)'
	ask @$server www.lame.test
	says "$server: nobody serves it" 'status: SERVFAIL'
	ask @$server text.own.test TXT
	says "$server: our own zone" 'TXT "of our own"$'
	ask @$server -x 10.4.1.1
	says "$server: PTR" 'PTR www\.example\.test\.$'
	ask @$server WwW.ExAmPlE.tEsT
	says "$server: case" '^;WwW\.ExAmPlE\.tEsT\. IN A$'
done

# --- BIND copies our zone, and serves it ---
check "named has our zone" await 10 grep -q '10\.4\.3\.80' "$S/own.copy"
ask @10.4.0.3 www.own.test +norec
says "named serves it" 'flags: qr aa;' 'IN A 10\.4\.3\.80$'
ask @10.4.0.3 odd.own.test TYPE65400
says "with a type without a name" 'TYPE65400 \\# 3 010203'

for rule in dns.resolver.truncated dns.resolver.search-suffix dns.resolver.timeout dns.resolver.reverse \
	dns.resolver.server.referral dns.resolver.server.negative-cache dns.server.axfr; do
	check "$rule was taken" [ "$(taken $rule)" -gt 0 ]
done
same "nothing of theirs was called invalid" "$(taken dns.resolver.drop-invalid)" 0
# A question is repeated where a name server is dead.
judge "rec own pcr pcu fwdu" dns.retransmission
verdict
