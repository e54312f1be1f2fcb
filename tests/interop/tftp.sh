#!/bin/bash
# TFTP with others: our server asked by tftp-hpa, atftp, curl and busybox; our client with tftpd-hpa,
# dnsmasq and, where it is installed, atftpd; over a line that loses frames; and IOS's dialogue.
. "$(dirname "$0")/lib" || exit 1
need tftp in.tftpd atftp dnsmasq busybox curl expect
PATH=$PATH:/usr/sbin

mkdir -p "$S/www/pub" "$S/pc" "$S/rt" "$S/in" "$S/out"
chmod 777 "$S/in" "$S/out"
printf 'one line\nand another\n' >"$S/www/text.txt"
seq 1 20000 >"$S/www/big.txt" # 108,894 octets
head -c 4096 "$S/www/big.txt" >"$S/www/eight.bin" # a multiple of 512
head -c 40000 "$S/www/big.txt" >"$S/www/forty.bin"
: >"$S/www/empty"
echo below >"$S/www/pub/below"
cp "$S/www/big.txt" "$S/pc/big.txt"
cp "$S/www/empty" "$S/www/eight.bin" "$S/pc/"
cp "$S"/www/*.* "$S/out/"
ln -s /etc/hostname "$S/www/way-out"

lab interop-tftp <<LAB
name: interop-tftp
seed: 19
topology:
  nodes:
    sw1: { kind: switch }
    srv:
      kind: server
      files: www
      config: |
        interface eth0
         ip address 10.9.0.2 255.255.255.0
        ip tftp server
    cl: { kind: linux, config: "interface eth0\n ip address 10.9.0.10 255.255.255.0" }
    far: { kind: linux, config: "interface eth0\n ip address 10.9.0.11 255.255.255.0" }
    odd: { kind: linux, config: "interface eth0\n ip address 10.9.0.13 255.255.255.0" }
    pc:
      kind: pc
      files: pc
      config: |
        interface eth0
         ip address 10.9.0.20 255.255.255.0
        ip host files.lab.test 10.9.0.10
    rt:
      kind: router
      config: |
        hostname RT
        interface eth0
         ip address 10.9.0.21 255.255.255.0
        ip tftp blocksize 1400
        ip tftp tsize
        ip tftp timeout 2
  links:
    - { name: srv, endpoints: [ "srv:eth0", "sw1:1" ] }
    - { name: cl, endpoints: [ "cl:eth0", "sw1:2" ] }
    - { name: far, endpoints: [ "far:eth0", "sw1:3" ], wire: { loss: 2%, duplicate: 20% } }
    - { name: pc, endpoints: [ "pc:eth0", "sw1:4" ] }
    - { name: rt, endpoints: [ "rt:eth0", "sw1:5" ] }
    - { name: odd, endpoints: [ "odd:eth0", "sw1:6" ] }
LAB
A=10.9.0.2

# --- our server ---
there() { check "$1" cmp "$S/b" "$S/www/$2"; rm -f "$S/b"; }
for f in text.txt big.txt eight.bin empty; do
	on cl tftp -m binary $A -c get $f "$S/b"
	there "tftp-hpa reads $f" $f
done
on cl tftp -m ascii $A -c get text.txt "$S/b"
there "tftp-hpa reads in ASCII" text.txt
on cl atftp -g -r big.txt -l "$S/b" $A
there "atftp reads" big.txt
on cl atftp -g -r pub/below -l "$S/b" --option "blksize 8192" --option "tsize 0" --option "timeout 2" $A
there "atftp reads with options" pub/below
on cl curl -sS tftp://$A/big.txt -o "$S/b"
there "curl reads" big.txt
on cl curl -sS --tftp-no-options tftp://$A/big.txt -o "$S/b"
there "curl reads without options" big.txt
on cl curl -sS --tftp-blksize 8 tftp://$A/text.txt -o "$S/b"
there "in blocks of 8 octets" text.txt
on cl busybox tftp -g -r eight.bin -l "$S/b" -b 1024 $A
there "busybox reads" eight.bin

put() { # TEXT NAME-ON-SERVER FILE COMMAND...: what was written comes back
	local text=$1 name=$2 file=$3
	shift 3
	check "$text" on cl "$@"
	on cl tftp -m binary $A -c get $name "$S/b"
	check "and it is there" cmp "$S/b" "$file"
	rm -f "$S/b"
}
put "tftp-hpa writes" new1 "$S/www/big.txt" tftp -m binary $A -c put "$S/www/big.txt" new1
put "tftp-hpa writes an empty file" new2 "$S/www/empty" tftp -m binary $A -c put "$S/www/empty" new2
put "tftp-hpa writes in ASCII" new3 "$S/www/text.txt" tftp -m ascii $A -c put "$S/www/text.txt" new3
put "atftp writes in a folder" dir/new4 "$S/www/eight.bin" atftp -p -l "$S/www/eight.bin" -r dir/new4 --option "blksize 1000" --option "tsize 4096" $A
put "curl writes over it" dir/new4 "$S/www/big.txt" curl -sS -T "$S/www/big.txt" tftp://$A/dir/new4
put "busybox writes" new5 "$S/www/big.txt" busybox tftp -p -l "$S/www/big.txt" -r new5 $A

on cl curl -sS tftp://$A/nothing
same "a file that is not there" $? 68
on cl curl -sS --path-as-is tftp://$A/../../etc/passwd
same "a way out" $? 69
on cl tftp $A -c get way-out "$S/b" >"$S/a" 2>&1
has "a link out" "$S/a" 'Error code [12]'
on cl tftp $A -c get pub "$S/b" >"$S/a" 2>&1
has "a folder" "$S/a" 'Error code 2'
rm -f "$S/b"

raw() { # OCTETS (printf): the answer in hex
	printf "$1" | on odd timeout 2 socat -t 0.3 - UDP:$A:69 2>/dev/null | od -An -tx1 | tr -d ' \n'
}
same "mode mail" "$(raw '\0\1f\0mail\0' | cut -c1-8)" 00050004
same "no mode" "$(raw '\0\1f\0' | cut -c1-8)" 00050004
same "data out of the blue" "$(raw '\0\3\0\1data')" ""

# --- over a line that loses, while all the others go on ---
on far curl -sS --tftp-no-options tftp://$A/forty.bin -o "$S/far.read" &
reader=$!
on far atftp -p -l "$S/www/eight.bin" -r lossy --tftp-timeout 1 $A &
writer=$!

# --- our client ---
C=10.9.0.10
start hpa cl in.tftpd -L -c -p --address $C:69 -u nobody -s "$S/out"
start dnsmasq odd dnsmasq -d -q --conf-file=/dev/null --no-resolv --no-hosts --port=0 --user=root --interface=eth0 \
	--bind-interfaces --enable-tftp --tftp-root="$S/out" --pid-file="$S/p"
fetches() { # TEXT HOST FILE [WORDS]
	check "$1" run pc "tftp $2 get $3 got ${4:-}"
	check "and it is whole" run pc "tftp $A put got check"
	on cl curl -sS tftp://$A/check -o "$S/b"
	there "to the last octet" $3
}
check "tftpd-hpa listens" await 5 run pc "tftp $C get text.txt"
check "dnsmasq listens" await 5 run pc "tftp 10.9.0.13 get text.txt"
fetches "from tftpd-hpa" files.lab.test big.txt
fetches "from tftpd-hpa in netascii" $C text.txt "mode netascii"
fetches "from dnsmasq" 10.9.0.13 eight.bin
check "to tftpd-hpa" run pc "tftp $C put big.txt in1"
check "it is there" cmp "$S/out/in1" "$S/www/big.txt"
check "an empty file to tftpd-hpa" run pc "tftp $C put empty in2"
check "it is there" cmp "$S/out/in2" "$S/www/empty"
run pc "tftp $C get nothing" >"$S/a"
has "tftpd-hpa has no such file" "$S/a" '% tftp: File not found'
run pc "tftp 10.9.0.13 put big.txt in" >"$S/a"
has "dnsmasq takes no files" "$S/a" '% tftp: '

check "a router's configuration, with options" run rt "copy running-config tftp://$C/rt.cfg"
has "it is there" "$S/out/rt.cfg" '^hostname RT'
printf 'hostname NEW\nip tftp timeout 3\n' >"$S/out/new.cfg"
check "into the running configuration" run rt "copy tftp://$C/new.cfg running-config"
has "it is in force" <(run rt "show running-config") '^hostname NEW'
printf 'hostname NEW2\nno such line\n' >"$S/out/bad.cfg"
run rt "copy tftp://10.9.0.13/bad.cfg running-config" >"$S/a"
has "a line that is refused" "$S/a" '^% line 2'
check "into flash" run rt "copy tftp://10.9.0.13/big.txt flash:images/big.bin"
has "108894 octets" <(run rt "dir images") ' 108894 .* big.bin'
check "from flash" run rt "copy flash:images/big.bin tftp://$C/in3"
check "it is there" cmp "$S/out/in3" "$S/www/big.txt"
cat >"$S/dialogue" <<EXPECT
set timeout 5
spawn labctl --lab $lab_name console rt
expect "# "
send "copy running-config tftp:\r"
expect -ex {Address or name of remote host []? }
send "$C\r"
expect -ex {Destination filename [new2-confg]? }
send "by-hand\r"
expect "bytes copied"
send "delete images/big.bin\r"
expect -ex {confirm]}
send "\003"
expect "# "
send "exit\r"
expect eof
EXPECT
timeout 20 expect "$S/dialogue" >"$S/expect.log" 2>&1
has "the dialogue" "$S/out/by-hand" '^hostname NEW2'
has "Ctrl-C deletes nothing" <(run rt "dir images") 'big.bin'
if command -v atftpd >/dev/null; then
	finish hpa
	start atftpd cl atftpd --daemon --no-fork --bind-address $C --user nobody --group nogroup "$S/out"
	check "from atftpd" await 5 run rt "copy tftp://$C/big.txt flash:images/b2"
	check "to atftpd" run rt "copy flash:images/b2 tftp://$C/in4"
	check "it is there" cmp "$S/out/in4" "$S/www/big.txt"
fi
wait $reader $writer
check "read over the line that loses" cmp "$S/far.read" "$S/www/forty.bin"
on cl tftp -m binary $A -c get lossy "$S/b"
there "written over it" eight.bin

for rule in tftp.server.rrq-found tftp.server.wrq tftp.server.oack tftp.server.bad-request tftp.server.drop-other \
	tftp.session.retransmit tftp.session.reack-duplicate-data tftp.session.drop-ack-wrong tftp.session.netascii \
	tftp.client.oack tftp.client.learn-tid; do
	check "$rule was taken" [ "$(taken $rule)" -gt 0 ]
done
# tshark warns of every ERROR packet; what odd sent was wrong on purpose.
judge "srv cl pc rt" "icmp or tftp.opcode == 5 or (ip.src == 10.9.0.13 and tftp.opcode == 1)"
verdict
