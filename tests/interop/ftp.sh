#!/bin/bash
# FTP with others: our server asked by curl, lftp, tnftp, inetutils, wget, busybox and Python's ftplib, in
# passive and active mode; our client at vsftpd, pyftpdlib and our server; and the
# dialogues of copy and ftp.
. "$(dirname "$0")/lib" || exit 1
need curl lftp tnftp inetutils-ftp wget busybox python3 socat vsftpd expect

mkdir -p "$S/www/pub/deep" "$S/w" "$S/pc" "$S/anon/in" "$S/none"
chmod 777 "$S/w" "$S/anon/in"
printf 'one line\nand another\n' >"$S/www/text.txt"
seq 1 60000 >"$S/www/big.txt" # 348,894 octets
seq 1 400000 >"$S/www/huge.txt"
: >"$S/www/empty"
echo below >"$S/www/pub/deep/below"
cp "$S/www/big.txt" "$S/www/text.txt" "$S/www/empty" "$S/pc/"
cp "$S/www/big.txt" "$S/www/text.txt" "$S/www/empty" "$S/anon/"
ln -s /etc/hostname "$S/www/way-out"

lab interop-ftp <<LAB
name: interop-ftp
seed: 23
topology:
  nodes:
    sw1: { kind: switch }
    srv:
      kind: server
      files: www
      config: |
        interface eth0
         ip address 10.9.0.2 255.255.255.0
        username root privilege 15 secret pw
        ip ftp server user ann secret pw rights rwdnl
        ip ftp server user bob password pw
        ip ftp server anonymous
    cl: { kind: linux, config: "interface eth0\n ip address 10.9.0.10 255.255.255.0" }
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
        ip ftp username ann
        ip ftp password pw
        no ip ftp passive
  links:
    - { name: srv, endpoints: [ "srv:eth0", "sw1:1" ] }
    - { name: cl, endpoints: [ "cl:eth0", "sw1:2" ] }
    - { name: odd, endpoints: [ "odd:eth0", "sw1:3" ] }
    - { name: pc, endpoints: [ "pc:eth0", "sw1:4" ] }
    - { name: rt, endpoints: [ "rt:eth0", "sw1:5" ] }
LAB
A=10.9.0.2
U=ftp://ann:pw@$A

# --- our server ---
there() { check "$1" cmp "$S/w/b" "$S/www/$2"; rm -f "$S/w/b"; }
for how in "" "--disable-epsv" "-P -" "-P - --disable-eprt"; do
	on cl curl -sS $how $U/big.txt -o "$S/w/b"
	there "curl $how reads" big.txt
	check "curl $how writes" on cl curl -sS $how -T "$S/www/big.txt" $U/pub/new
	on cl curl -sS $U/pub/new -o "$S/w/b"
	there "and it is there" big.txt
done
on cl curl -sS $U/empty -o "$S/w/b"
there "an empty file" empty
on cl curl -sS -B $U/text.txt -o "$S/w/b"
there "curl reads in ASCII" text.txt
check "ASCII to the server" on cl curl -sS -B -T "$S/www/text.txt" $U/pub/text
on cl curl -sS $U/pub/text -o "$S/w/b"
there "has LF there" text.txt
head -c 100000 "$S/www/big.txt" >"$S/w/b"
on cl curl -sS -C - $U/big.txt -o "$S/w/b"
there "curl goes on with a file" big.txt
on cl curl -sS -r 0-9 $U/huge.txt -o "$S/w/b"
same "curl reads ten octets and goes away" "$(stat -c %s "$S/w/b")" 10
check "curl appends" on cl curl -sS -a -T "$S/www/text.txt" $U/pub/text
same "a size" "$(on cl curl -sS -I $U/pub/text | tr -d '\r' | sed -n 's/Content-Length: //p')" 42
on cl curl -sS -l $U/pub/ >"$S/a"
has "names" "$S/a" '^deep'
on cl curl -sS $U/ >"$S/a"
has "a listing" "$S/a" '^-rw-r--r-- .* 348894 .* big.txt'
check "curl renames, makes and deletes" on cl curl -sS -Q "RNFR pub/text" -Q "RNTO pub/deep/t" -Q "MKD d" -Q "RMD d" -Q "DELE pub/deep/t" $U/empty
on cl curl -sS ftp://ann:no@$A/ 2>"$S/a"
same "a wrong password" $? 67
on cl curl -sS ftp://root:pw@$A/text.txt -o "$S/w/b"
there "a user of the device" text.txt
on cl curl -sS ftp://$A/text.txt -o "$S/w/b"
there "anonymous" text.txt
on cl curl -sS -T "$S/www/empty" ftp://bob:pw@$A/x 2>"$S/a"
same "who may only read" $? 25
on cl curl -sS $U/nothing 2>"$S/a"
same "a file that is not there" $? 78
on cl curl -sS $U/way-out 2>"$S/a"
same "a link out" $? 78
on cl curl -sS --path-as-is $U/../x 2>"$S/a"
same "a way out" $? 9
on cl curl -sS --ssl $U/text.txt -o "$S/w/b"
there "curl would like TLS" text.txt

L="set ftp:ssl-allow no; set net:max-retries 1; set xfer:clobber on; set cmd:fail-exit yes; open -u ann,pw $A;"
check "lftp mirrors" on cl lftp -c "$L mirror / $S/w/m"
check "all of it" cmp "$S/w/m/pub/deep/below" "$S/www/pub/deep/below"
check "lftp mirrors back" on cl lftp -c "$L mirror -R $S/w/m copy; rm -r copy"
check "lftp writes, active" on cl lftp -c "$L set ftp:passive-mode no; put $S/www/big.txt -o pub/l; get pub/l -o $S/w/b"
there "and it is there" big.txt
printf 'user ann pw\nbinary\nget big.txt %s/w/b\nput %s/www/text.txt pub/t\ncd pub\nls\nsize t\nrename t u\ndelete u\nquit\n' \
	"$S" "$S" >"$S/cmds"
for client in tnftp inetutils-ftp; do
	on cl $client -n $A <"$S/cmds" >"$S/a" 2>&1
	has "$client lists" "$S/a" ' t.?$'
	there "$client reads" big.txt
done
{ echo passive; cat "$S/cmds"; } >"$S/cmds2"
on cl inetutils-ftp -n $A <"$S/cmds2" >"$S/a" 2>&1
there "inetutils-ftp in the other mode" big.txt
on cl wget -q $U/big.txt -O "$S/w/b"
there "wget reads" big.txt
on cl busybox ftpget -u ann -p pw $A "$S/w/b" big.txt
there "busybox reads" big.txt
check "busybox writes" on cl busybox ftpput -u ann -p pw $A pub/bb "$S/www/big.txt"
cat >"$S/t.py" <<'PY'
import ftplib, io, sys
f = ftplib.FTP(sys.argv[1], "ann", "pw")
assert dict(f.mlsd("/"))["big.txt"]["size"] == "348894"
assert f.sendcmd("MLST big.txt").startswith("250-")
f.voidcmd("TYPE A")
with f.transfercmd("RETR text.txt") as data:
    assert data.makefile("rb").read() == b"one line\r\nand another\r\n"
f.voidresp()
f.storlines("STOR py", io.BytesIO(b"a\nb\n"))
f.voidcmd("TYPE I")
assert f.size("py") == 4
data = f.transfercmd("RETR huge.txt")
data.recv(1000)
f.abort() if len(sys.argv) < 3 else None
data.close()
print(f.voidresp())
f.delete("py")
print(f.quit())
PY
on cl /usr/bin/python3 "$S/t.py" $A >"$S/a" 2>&1
has "Python aborts a transfer" "$S/a" '^226'
has "and goes on" "$S/a" '^221'
raw() { # LINES (printf): the codes of the replies
	printf "$1" | on odd timeout 3 socat -t 0.4 - TCP:$A:21 2>/dev/null | cut -c1-3 | tr '\n' ' '
}
same "octets that are no commands" "$(raw 'USER ann\r\nPASS pw\r\n\1\r\nXXXX\nNOOP\nQUIT\r\n')" "220 331 230 500 500 200 221 "
same "a foreign port, a low one, and no port" \
	"$(raw 'USER ann\r\nPASS pw\r\nPORT 10,9,0,10,9,9\r\nPORT 10,9,0,13,0,25\r\nRETR text.txt\r\nRNTO x\r\nQUIT\r\n')" \
	"220 331 230 504 504 425 503 221 "
same "too long" "$(raw "USER $(printf %02000d 1)\r\nNOOP\r\nQUIT\r\n")" "220 500 200 221 "

# --- our client ---
cat >"$S/v.conf" <<CONF
background=NO
listen=YES
seccomp_sandbox=NO
secure_chroot_dir=$S/none
anonymous_enable=YES
anon_root=$S/anon
write_enable=YES
anon_upload_enable=YES
anon_other_write_enable=YES
anon_umask=022
no_anon_password=NO
CONF
C=10.9.0.10
back() { # NAME-AT-PC FILE: fetches it from the PC by way of our server
	run pc "copy flash:$1 ftp://ann:pw@$A/back" >/dev/null
	on cl curl -sS $U/back -o "$S/w/b"
	there "to the last octet" $2
}
at_server() { # SERVER HOST
	check "$1: a file" run pc "copy ftp://$2/big.txt flash:got"
	back got big.txt
	check "$1: an empty one" run pc "copy ftp://$C/empty flash:got0"
	back got0 empty
	check "$1: to it" run pc "copy flash:big.txt ftp://$C/in/$1"
	check "it is there" cmp "$S/anon/in/$1" "$S/www/big.txt"
	run pc "copy ftp://$C/none flash:x" >"$S/a"
	has "$1: no such file" "$S/a" '%Error opening ftp://.*/none \('
	check "$1: active" run rt "copy ftp://anonymous:me@$C/big.txt flash:got"
	has "348894 octets" <(run rt "dir") ' 348894 .* got'
	cat >"$S/dialogue" <<EXPECT
set timeout 5
spawn labctl --lab $lab_name console pc
expect "> "
send "ftp $C\r"
expect "Name ($C:anonymous): "
send "\r"
expect "Password:"
send "me@here\r"
expect "ftp> "
send "dir\r"
expect " big.txt"
expect "ftp> "
send "ascii\r"
expect "ftp> "
send "get text.txt asc-$1\r"
expect "bytes received"
expect "ftp> "
send "binary\r"
expect "ftp> "
send "passive\r"
expect "Passive mode off"
expect "ftp> "
send "put text.txt in/p1-$1\r"
expect "bytes sent"
expect "ftp> "
send "cd in\r"
expect "ftp> "
send "rename p1-$1 p2-$1\r"
expect "ftp> "
send "ls\r"
expect "p2-$1"
expect "ftp> "
send "quit\r"
expect {> }
send "exit\r"
expect eof
EXPECT
	timeout 30 expect "$S/dialogue" >"$S/expect.log" 2>&1
	check "$1: a person's put and rename" cmp "$S/anon/in/p2-$1" "$S/www/text.txt"
	back asc-$1 text.txt
}
if (need_ids) >/dev/null; then # it becomes user ftp
	start vsftpd cl vsftpd "$S/v.conf"
	check "vsftpd listens" await 5 on cl curl -sS ftp://$C/
	at_server vsftpd files.lab.test
fi
C=10.9.0.13
start pyftpdlib odd /usr/bin/python3 -m pyftpdlib -i $C -p 21 -w -d "$S/anon"
check "pyftpdlib listens" await 5 on odd curl -sS ftp://$C/
at_server pyftpdlib $C
check "a router's configuration" run rt "copy running-config ftp://$A/rt.cfg"
on cl curl -sS $U/rt.cfg -o "$S/a"
has "it is there" "$S/a" '^hostname RT'
printf 'hostname NEW\n' | on cl curl -sS -T - $U/new.cfg
check "into the running configuration" run rt "copy ftp://$A/new.cfg running-config"
has "it is in force" <(run rt "show running-config") '^hostname NEW'
run rt "copy ftp://bob:no@$A/new.cfg flash:x" >"$S/a"
has "a wrong password" "$S/a" 'Login incorrect'
cat >"$S/dialogue" <<EXPECT
set timeout 5
spawn labctl --lab $lab_name console rt
expect "# "
send "copy ftp: flash:\r"
expect -ex {Address or name of remote host []? }
send "$A\r"
expect -ex {Source filename []? }
send "pub/new\r"
expect -ex {Destination filename [new]? }
send "by-hand\r"
expect "bytes copied"
send "exit\r"
expect eof
EXPECT
timeout 20 expect "$S/dialogue" >"$S/expect.log" 2>&1
has "the dialogue" <(run rt "dir") ' 348894 .* by-hand'

for rule in ftp.server.active-mode ftp.server.passive-mode ftp.server.auth-fail ftp.cmd.port-foreign ftp.cmd.abor \
	ftp.cmd.epsv ftp.cmd.eprt ftp.cmd.mlsd-mlst ftp.cmd.size-mdtm ftp.server.path-escape ftp.representation \
	ftp.client.active ftp.client.login ftp.client.type-image ftp.client.preliminary-reply; do
	check "$rule was taken" [ "$(taken $rule)" -gt 0 ]
done
same "no password is in the database" "$(sql "SELECT count(*) AS n FROM decisions WHERE sentence LIKE '%PASS pw%' OR \"values\" LIKE '%PASS pw%'")" 0
is_true "SELECT count(*) > 20 AS n FROM ftp_transfer WHERE result = 'complete' AND until IS NULL" ||
	failed "transfers are facts"
# Who goes away in the middle of a transfer resets its connection.
judge "cl pc rt" "tcp.flags.reset == 1 or (ip.addr == 10.9.0.13 and ip.addr == 10.9.0.2)"
verdict
