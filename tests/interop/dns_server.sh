#!/bin/bash
# Our DNS server, authoritative and recursive, asked by dig, host, nslookup and nsupdate of BIND.
. "$(dirname "$0")/lib" || exit 1
need dig host nslookup nsupdate

#   host -- [sw1] -- root  (zone ".")                        10.3.0.2
#                 -- ns    (zones test, example.test, ...)   10.3.0.3
#                 -- child (zone child.test)                 10.3.0.4
#                 -- rec   (recursive, root hints)           10.3.0.5
lab interop-dns-server <<'LAB'
name: interop-dns-server
seed: 31
topology:
  nodes:
    sw1: { kind: switch }
    root:
      kind: server
      config: |
        interface eth0
         ip address 10.3.0.2 255.255.255.0
        ip dns server
        no ip dns recursion
        ip dns zone .
         soa root. admin.root. 2026010101
         record @ NS root.
         record root A 10.3.0.2
         record test NS ns.test.
         record ns.test A 10.3.0.3
         record 3.10.in-addr.arpa NS ns.test.
    ns:
      kind: server
      config: |
        interface eth0
         ip address 10.3.0.3 255.255.255.0
        ip dns server
        no ip dns recursion
        ip dns zone test
         soa ns.test. admin.test. 7
         record @ NS ns
         record ns A 10.3.0.3
         record child NS ns.child.test.
         record ns.child A 10.3.0.4
        ip dns zone example.test
         soa ns.test. admin.example.test. 42 3600 600 86400 300
         ttl 600
         allow-transfer 10.3.0.10
         allow-update any
         record @ NS ns.test.
         record @ MX 10 mail
         record @ MX 20 mail2
         record www A 10.3.1.1
         record www AAAA fd00:3::1
         record two A 10.3.1.2
         record two A 10.3.1.3
         record mail A 10.3.1.25
         record mail2 A 10.3.1.26
         record ftp CNAME www
         record web CNAME www.child.test.
         record text TXT "hello, world" "second"
         record _sip._udp SRV 10 60 5060 www
         record *.wild A 10.3.1.99
         record odd TYPE65399 \# 4 0a000001
         record big TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa01"
         record big TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa02"
         record big TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa03"
         record big TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa04"
         record big TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa05"
         record big TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa06"
         record big TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa07"
         record big TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa08"
         record big TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa09"
         record big TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa10"
         record big TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa11"
         record big TXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa12"
        ip dns zone 3.10.in-addr.arpa
         soa ns.test. admin.test. 1
         record @ NS ns.test.
         record 1.1 PTR www.example.test.
    child:
      kind: server
      config: |
        interface eth0
         ip address 10.3.0.4 255.255.255.0
        ip dns server
        no ip dns recursion
        ip dns zone child.test
         soa ns.child.test. admin.child.test. 5
         record @ NS ns
         record ns A 10.3.0.4
         record www A 10.3.2.80
    rec:
      kind: server
      config: |
        interface eth0
         ip address 10.3.0.5 255.255.255.0
        ip dns server
        ip dns root-hint root 10.3.0.2
    host:
      kind: linux
      config: |
        interface eth0
         ip address 10.3.0.10 255.255.255.0
        ip name-server 10.3.0.5
    other: { kind: linux, config: "interface eth0\n ip address 10.3.0.11 255.255.255.0" }
  links:
    - { name: host, endpoints: [ "host:eth0", "sw1:1" ] }
    - { name: root, endpoints: [ "root:eth0", "sw1:2" ] }
    - { name: ns, endpoints: [ "ns:eth0", "sw1:3" ] }
    - { name: child, endpoints: [ "child:eth0", "sw1:4" ] }
    - { name: rec, endpoints: [ "rec:eth0", "sw1:5" ] }
    - { name: other, endpoints: [ "other:eth0", "sw1:6" ] }
LAB

# dig's answer in one line per thing: status, flags, counts and each record, blanks squeezed.
ask() {
	on host dig +tries=1 +time=3 "$@" >"$S/dig.out" 2>&1
	tr -s ' \t' ' ' <"$S/dig.out" >"$S/a"
}

# TEXT REGEX...: each is a line of the last answer.
says() {
	local text=$1 regex
	shift
	for regex in "$@"; do
		has "$text: $regex" "$S/a" "$regex"
	done
}

N=@10.3.0.3
R=@10.3.0.5

# --- what the authoritative server has ---
ask $N www.example.test
says "A" 'status: NOERROR' 'flags: qr aa rd; QUERY: 1, ANSWER: 1, AUTHORITY: 0' \
	'^www\.example\.test\. 600 IN A 10\.3\.1\.1$' 'EDNS: version: 0, flags:; udp: 1232'
ask $N www.example.test AAAA
says "AAAA" '^www\.example\.test\. 600 IN AAAA fd00:3::1$'
ask $N two.example.test A
says "two addresses" '^two\..* IN A 10\.3\.1\.2$' '^two\..* IN A 10\.3\.1\.3$'
ask $N ftp.example.test A
says "an alias and where it leads" '^ftp\..* IN CNAME www\.example\.test\.$' '^www\..* IN A 10\.3\.1\.1$'
ask $N ftp.example.test CNAME
says "the alias itself" 'ANSWER: 1,' '^ftp\..* IN CNAME www\.example\.test\.$'
ask $N example.test NS +norec
says "NS" 'flags: qr aa;' '^example\.test\. 600 IN NS ns\.test\.$'
ask $N example.test SOA
says "SOA" '^example\.test\. [0-9]+ IN SOA ns\.test\. admin\.example\.test\. 42 3600 600 86400 300$'
ask $N example.test MX
says "MX with addresses" '^example.* MX 10 mail\.example\.test\.$' '^example.* MX 20 mail2\.example\.test\.$' \
	'^mail\..* A 10\.3\.1\.25$'
ask $N -x 10.3.1.1
says "PTR" '^1\.1\.3\.10\.in-addr\.arpa\. .* IN PTR www\.example\.test\.$'
ask $N text.example.test TXT
says "TXT" 'IN TXT "hello, world" "second"$'
ask $N _sip._udp.example.test SRV
says "SRV" 'IN SRV 10 60 5060 www\.example\.test\.$'
ask $N odd.example.test TYPE65399
says "a type without a name" 'IN TYPE65399 \\# 4 0A000001$'
ask $N any.thing.wild.example.test
says "a wildcard" '^any\.thing\.wild\.example\.test\. 600 IN A 10\.3\.1\.99$'
ask $N www.example.test MX
says "no such type" 'status: NOERROR' 'flags: qr aa rd; QUERY: 1, ANSWER: 0, AUTHORITY: 1' \
	'^example\.test\. [0-9]+ IN SOA '
ask $N nobody.example.test
says "no such name" 'status: NXDOMAIN' 'aa rd; QUERY: 1, ANSWER: 0, AUTHORITY: 1' '^example\.test\. [0-9]+ IN SOA '
ask $N _udp.example.test
says "an empty name in between exists" 'status: NOERROR' 'ANSWER: 0, AUTHORITY: 1'
ask $N WwW.eXaMpLe.TeSt
says "case is kept in the question" '^;WwW\.eXaMpLe\.TeSt\. IN A$' '^[Ww]{3}\.[exampltEXAMPLTsS.]+ 600 IN A 10\.3\.1\.1$'
ask $N www.example.test ANY
says "ANY" 'status: NOERROR' '^www\.example\.test\. 600 IN '
ask $N www.elsewhere.org
says "not its business" 'status: REFUSED'

# --- referrals ---
ask $N www.child.test +norec
says "referral" 'status: NOERROR' 'flags: qr; QUERY: 1, ANSWER: 0, AUTHORITY: 1, ADDITIONAL: 2' \
	'^child\.test\. [0-9]+ IN NS ns\.child\.test\.$' '^ns\.child\.test\. [0-9]+ IN A 10\.3\.0\.4$'
ask @10.3.0.2 www.example.test +norec
says "the root's referral" '^test\. [0-9]+ IN NS ns\.test\.$' '^ns\.test\. [0-9]+ IN A 10\.3\.0\.3$'
ask @10.3.0.2 . NS
says "the root's NS" 'flags: qr aa' '^\. [0-9]+ IN NS root\.$'
ask @10.3.0.2 nothing.
says "the root knows what is not" 'status: NXDOMAIN' '^\. [0-9]+ IN SOA root\. '

# --- transport ---
ask $N www.example.test +tcp
says "TCP" 'IN A 10\.3\.1\.1$' 'SERVER: .*\(TCP\)'
ask $N +tcp +keepopen www.example.test A mail.example.test A text.example.test TXT
says "three questions on one connection" 'A 10\.3\.1\.1$' 'A 10\.3\.1\.25$' 'TXT "hello'
ask $N big.example.test TXT +noedns +ignore
says "truncation at 512" 'flags: qr aa tc rd;'
check "at most 512 octets" [ "$(sed -n 's/^;; MSG SIZE rcvd: //p' "$S/a")" -le 512 ]
ask $N big.example.test TXT +noedns
says "then dig asks over TCP" 'retrying in TCP mode' 'ANSWER: 12,' 'a01"' 'a12"'
ask $N big.example.test TXT +bufsize=4096 +ignore
says "truncation at our 1232" 'flags: qr aa tc rd;'
ask $N big.example.test TXT +bufsize=700 +ignore
says "truncation at the asker's 700" 'flags: qr aa tc rd;'
check "at most 700 octets" [ "$(sed -n 's/^;; MSG SIZE rcvd: //p' "$S/a")" -le 700 ]
ask $N www.example.test +edns=1 +noednsneg
says "EDNS version 1" 'status: BADVERS' 'EDNS: version: 0'
ask $N www.example.test +dnssec +nsid +subnet=10.0.0.0/8 +ednsopt=65001:abcd
says "options nobody knows" 'status: NOERROR' 'IN A 10\.3\.1\.1$'
ask $N www.example.test +noedns
says "no OPT unasked" 'ADDITIONAL: 0$' 'A 10\.3\.1\.1$'

# --- what it refuses ---
ask $N -c CH version.bind TXT
says "class CH" 'status: REFUSED'
ask $N -c HS www.example.test
says "class HS" 'status: REFUSED'
ask $N www.example.test +opcode=status
says "opcode STATUS" 'opcode: STATUS' 'status: NOTIMP'
ask $N www.example.test +opcode=9
says "an opcode of no name" 'status: NOTIMP'
ask $N www.example.test +header-only
says "no question" 'status: FORMERR'

# --- zone transfer ---
ask $N example.test AXFR
says "AXFR" 'XFR size: 29 records' '^example\.test\. .* SOA ' '^two\..* 10\.3\.1\.3$' 'a12"'
same "it ends as it began" "$(grep -c 'IN SOA' "$S/a")" 2
ask $N example.test IXFR=41
says "IXFR gets the whole zone" 'XFR size: 29 records'
ask $N example.test IXFR=42
says "IXFR by who has this version" '^example\.test\. .* SOA .* 42 ' 'XFR size: 1 records'
ask $N example.test IXFR=41 +notcp
says "IXFR over UDP" '\(UDP\)' '^example\.test\. .* SOA .* 42 '
ask $N www.child.test A
says "who wishes for recursion in vain is referred" 'flags: qr rd; QUERY: 1, ANSWER: 0, AUTHORITY: 1'
on other dig +tries=1 +time=3 $N example.test AXFR >"$S/a" 2>&1
says "not for everybody" 'Transfer failed'
check "host -l" on host host -t any -l example.test 10.3.0.3

# --- host and nslookup ---
on host host www.example.test 10.3.0.3 >"$S/a" 2>&1
says "host" 'www\.example\.test has address 10\.3\.1\.1' 'has IPv6 address fd00:3::1'
on host host -a example.test 10.3.0.3 >"$S/a" 2>&1
says "host -a" 'status: NOERROR'
on host host 10.3.1.1 10.3.0.3 >"$S/a" 2>&1
says "host ADDRESS" 'domain name pointer www\.example\.test\.'
on host host nobody.example.test 10.3.0.3 >"$S/a" 2>&1
says "host says no" 'not found: 3\(NXDOMAIN\)'
on host host web.example.test >"$S/a" 2>&1
says "host by the device's own resolver" 'web\.example\.test is an alias for www\.child\.test' 'www\.child\.test has address 10\.3\.2\.80'
on host nslookup ftp.example.test >"$S/a" 2>&1
says "nslookup by the device's own resolver" 'Server:.*10\.3\.0\.5' 'canonical name = www\.example\.test' 'Address: 10\.3\.1\.1'

# --- dynamic update ---
printf 'server 10.3.0.3\nzone example.test\nupdate add new.example.test 60 A 10.3.1.77\nsend\n' >"$S/up"
check "nsupdate adds" on host nsupdate -t 3 -r 1 "$S/up"
ask $N new.example.test
says "what was added" '^new\.example\.test\. 60 IN A 10\.3\.1\.77$'
ask $N example.test SOA
says "the zone's serial has grown" 'SOA ns\.test\. admin\.example\.test\. 4[3-9] '
printf 'server 10.3.0.3\nzone example.test\nprereq yxdomain new.example.test\nupdate delete new.example.test\nsend\n' >"$S/up"
check "nsupdate deletes" on host nsupdate -t 3 -r 1 "$S/up"
ask $N new.example.test
says "what was deleted" 'status: NXDOMAIN'
printf 'server 10.3.0.3\nzone test\nupdate add x.test 60 A 10.3.1.78\nsend\n' >"$S/up"
on host nsupdate -t 3 -r 1 "$S/up" >"$S/a" 2>&1
says "a zone that may not be changed" 'update failed: REFUSED'

# --- the recursive server ---
ask $R www.example.test
says "recursion" 'status: NOERROR' 'flags: qr rd ra; QUERY: 1, ANSWER: 1' '^www\.example\.test\. [0-9]+ IN A 10\.3\.1\.1$'
ask $R web.example.test
says "an alias into another zone" '^web\..* CNAME www\.child\.test\.$' '^www\.child\.test\. .* A 10\.3\.2\.80$'
ask $R nobody.example.test
says "recursion: no such name" 'status: NXDOMAIN' 'flags: qr rd ra;' '^example\.test\. [0-9]+ IN SOA '
ask $R www.example.test MX
says "recursion: no such type" 'status: NOERROR' 'ANSWER: 0, AUTHORITY: 1'
ask $R -x 10.3.1.1
says "recursion: PTR" 'PTR www\.example\.test\.$'
ask $R big.example.test TXT
says "recursion: a long answer" 'ANSWER: 12,'
asked=$(sql "SELECT count(*) AS n FROM packets WHERE sender = 'rec' AND dst = '10.3.0.3' AND protocol = 'DNS'")
ask $R www.example.test
says "from its cache" 'A 10\.3\.1\.1$'
ask $R nobody.example.test
says "also what is not" 'status: NXDOMAIN'
same "without asking again" \
	"$(sql "SELECT count(*) AS n FROM packets WHERE sender = 'rec' AND dst = '10.3.0.3' AND protocol = 'DNS'")" "$asked"
ask $R mail2.example.test +norec
says "no recursion unasked" 'flags: qr ra;' 'ANSWER: 0'
ask $R www.nowhere.test +tcp
says "recursion over TCP" 'status: NXDOMAIN'

for rule in dns.server.edns dns.server.refused dns.server.notimp dns.server.formerr dns.server.axfr \
	dns.server.wildcard; do
	check "ns took $rule" [ "$(taken $rule ns)" -gt 0 ]
done
for rule in dns.resolver.server.referral dns.resolver.server.cache-answers \
	dns.resolver.server.negative-cache dns.search.cached-negative; do
	check "rec took $rule" [ "$(taken $rule rec)" -gt 0 ]
done
judge "host rec"
verdict
