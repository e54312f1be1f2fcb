#!/bin/bash
# Telnet with others: our server with the clients of inetutils and busybox, a client that negotiates
# nothing, and nmap; our client with the server of inetutils, an HTTP and an SMTP server by hand.
. "$(dirname "$0")/lib" || exit 1
need telnet telnetd busybox socat expect nmap python3

lab interop-telnet <<LAB
name: interop-telnet
seed: 23
topology:
  nodes:
    sw1: { kind: switch }
    r1:
      kind: router
      config: |
        hostname R1
        enable secret class
        username ann privilege 15 secret lab
        ip host one 10.8.1.1
        ip host two 10.8.1.2
        ip host three 10.8.1.3
        ip host four 10.8.1.4
        access-list 10 deny 10.8.0.66
        access-list 10 permit any
        line vty 0 1
         password cisco
         access-class 10 in
        line vty 2
         no login
         exec-timeout 0 2
         transport input ssh
        line vty 3 4
         transport input none
        interface eth0
         ip address 10.8.0.1 255.255.255.0
    r2:
      kind: router
      config: |
        hostname R2
        username ann privilege 15 secret lab
        line vty 0 4
         login local
        interface eth0
         ip address 10.8.0.2 255.255.255.0
    r3: { kind: router, config: "interface eth0\n ip address 10.8.0.3 255.255.255.0" }
    r4:
      kind: router
      config: |
        hostname R4
        line vty 0 4
         no login
         exec-timeout 0 2
        interface eth0
         ip address 10.8.0.4 255.255.255.0
    cl: { kind: linux, config: "interface eth0\n ip address 10.8.0.10 255.255.255.0" }
    bad: { kind: linux, config: "interface eth0\n ip address 10.8.0.66 255.255.255.0" }
    srv: { kind: linux, config: "interface eth0\n ip address 10.8.0.20 255.255.255.0" }
    pc: { kind: pc, config: "interface eth0\n ip address 10.8.0.30 255.255.255.0\nip host r2.lab.test 10.8.0.2" }
  links:
    - { name: r1, endpoints: [ "r1:eth0", "sw1:1" ] }
    - { name: r2, endpoints: [ "r2:eth0", "sw1:2" ] }
    - { name: r3, endpoints: [ "r3:eth0", "sw1:3" ] }
    - { name: cl, endpoints: [ "cl:eth0", "sw1:4" ] }
    - { name: bad, endpoints: [ "bad:eth0", "sw1:5" ] }
    - { name: srv, endpoints: [ "srv:eth0", "sw1:6" ] }
    - { name: pc, endpoints: [ "pc:eth0", "sw1:7" ] }
    - { name: r4, endpoints: [ "r4:eth0", "sw1:8" ] }
LAB
# typist NAME COMMAND... <<STEPS: an expect script; what was on the screen is in $S/NAME.
typist() {
	local name=$1
	shift
	{
		echo "set timeout 8"
		echo 'set stty_init "rows 24 columns 80"'
		echo "spawn -noecho labctl --lab $lab_name $*"
		echo 'proc see {text} { expect -ex $text {} timeout { puts "\nNOT SEEN: $text"; exit 1 } eof { puts "\nENDED BEFORE: $text"; exit 1 } }'
		echo 'proc type {text} { send -- "$text\r" }'
		cat
	} >"$S/$name.exp"
	check "$name" timeout 40 expect "$S/$name.exp"
	tr -d '\r' <"$S/.out" >"$S/$name"
}

# --- our server ---
(on cl nmap -n -Pn -sV --version-light -p 23 10.8.0.2 >"$S/nmap" 2>&1) &
scan=$!
( sleep 6 | on cl socat -t 1 - TCP:10.8.0.4:23 >"$S/idle" 2>&1 ) &
idle=$!
typist inetutils exec cl -- telnet 10.8.0.1 <<'STEPS'
see "User Access Verification"
see "Password: "
type wrong
see "Password: "
type cisco
see "R1> "
send "show vers\t"
see "ion"
type ""
see "labd"
see "R1> "
type "reload"
see "% Invalid input"
see "R1> "
type enable
see "Password: "
type class
see "R1# "
type "configure terminal"
see "(config)# "
type "username bob password hidden"
see "(config)# "
type end
see "R1# "
type "show running-config"
see "--More--"
send " "
see "R1# "
send "\035"
see "telnet> "
type "send ayt"
see {[Yes]}
type ""
see "R1# "
type exit
expect eof
STEPS
has_not "a password is not echoed" "$S/inetutils" 'Password: .*(cisco|class)'
typist busybox exec cl -- busybox telnet 10.8.0.2 <<'STEPS'
see "Username: "
type ann
see "Password: "
type nonsense
see "% Login invalid"
see "Username: "
type ann
see "Password: "
type lab
see "R2# "
type "show users"
see "10.8.0.10"
see "R2# "
type exit
expect eof
STEPS
raw() { # DEVICE ADDRESS LINE...: a client that knows no options
	local device=$1 address=$2
	shift 2
	{ sleep 0.7; for line in "$@"; do printf '%s\r\n' "$line"; sleep 0.3; done; sleep 0.3; } |
		on "$device" socat -t 1 -T 4 - TCP:$address:23 2>&1 | tr -d '\r\0'
}
raw cl 10.8.0.1 cisco "show version" exit >"$S/plain" &
plain=$!
raw bad 10.8.0.1 >"$S/bad" &
turned_away=$!
raw cl 10.8.0.3 >"$S/none" &
wait $plain $turned_away $!
has "a client without options" "$S/plain" '^R1> labd|router r1'
has_not "and without echo" "$S/plain" 'show version'
same "the access-class" "$(tr -d '\n' <"$S/bad")" ""
has "no password is set" "$S/none" '^Password required, but none set'
sleep 3 | on cl socat - TCP:10.8.0.1:23 >"$S/x1" 2>&1 &
first=$!
sleep 3 | on cl socat - TCP:10.8.0.1:23 >"$S/x2" 2>&1 &
second=$!
both_open="SELECT count(*) = 2 FROM telnet_session WHERE device = 'r1' AND result = 'open' AND until IS NULL"
check "two lines are taken" await 3 is_true "$both_open"
raw cl 10.8.0.1 >"$S/a"
wait $first $second
has_not "all lines are in use" "$S/a" 'Access'

# --- our client ---
cat >"$S/inetd.py" <<'PYTHON'
import os, socket, sys
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("10.8.0.20", 23))
s.listen(5)
while True:
    c, _ = s.accept()
    if os.fork() == 0:
        for fd in 0, 1, 2:
            os.dup2(c.fileno(), fd)
        os.execvp("telnetd", ["telnetd", "-h", "-E", sys.argv[1]])
    c.close()
PYTHON
cat >"$S/login" <<'SHELL'
#!/bin/sh
stty -a | sed -n 's/.*\(rows [0-9]*; columns [0-9]*\).*/\1/p'
echo "TERM=$TERM"
printf 'name: '
read name
echo "hello $name"
sleep 0.5 # telnetd forgets what it has not sent yet when its child ends
SHELL
cat >"$S/smtp" <<'SHELL'
#!/bin/sh
printf '220 mail.lab.test\r\n'
while read -r line; do
	line=$(echo "$line" | tr -d '\r')
	case $line in
	HELO*) printf '250 hello\r\n' ;;
	QUIT) printf '221 bye\r\n'; exit ;;
	*) printf '500 what?\r\n' ;;
	esac
done
SHELL
chmod 755 "$S/login" "$S/smtp"
mkdir "$S/www"
echo "the page" >"$S/www/index.html"
start telnetd srv python3 "$S/inetd.py" "$S/login"
start httpd srv busybox httpd -f -p 10.8.0.20:80 -h "$S/www"
start smtp srv socat TCP-LISTEN:25,fork,reuseaddr EXEC:"$S/smtp"
check "they listen" await 5 on srv sh -c "socat -u /dev/null TCP:10.8.0.20:23 && socat -u /dev/null TCP:10.8.0.20:80 && socat -u /dev/null TCP:10.8.0.20:25"
typist client console pc <<'STEPS'
see "pc> "
type "telnet 10.8.0.20"
see "Open"
see "name: "
type "student"
see "hello student"
see {[Connection to 10.8.0.20 closed by foreign host]}
see "pc> "
type "telnet 10.8.0.20 80"
see "Open"
type "GET / HTTP/1.0"
type ""
see "the page"
see "closed by foreign host"
type "telnet 10.8.0.20 25"
see "220 mail.lab.test"
type "HELO pcx\bc"
see "250 hello"
type QUIT
see "221 bye"
see "closed by foreign host"
type "telnet 10.8.0.20 24"
see "% Connection refused by remote host"
see "pc> "
type "telnet r2.lab.test"
see "Username: "
type ann
see "Password: "
type lab
see "R2# "
type "telnet 10.8.0.1"
see "Password: "
type cisco
see "R1> "
send "\036x"
see "R2# "
type "show sessions"
see "suspended"
see "R2# "
type "resume"
see "Resuming"
type ""
see "R1> "
type exit
see "closed by foreign host"
see "R2# "
send "\035"
see "pc> "
type "disconnect"
see "Closing connection"
see "pc> "
type exit
expect eof
STEPS
has "the window reached the server" "$S/client" 'rows [0-9]+; columns [0-9]+'
has "the terminal's type reached it" "$S/client" 'TERM=(vt100|xterm|VT100|XTERM)'
run pc "telnet 10.8.0.20 25" >"$S/a"
has "a step shows the banner" "$S/a" '^220 mail.lab.test'
printf 'telnet 10.8.0.20 80\nGET /index.html HTTP/1.0\n\n' | timeout 20 labctl --lab $lab_name console pc >"$S/a"
has "lines from a pipe" "$S/a" '^the page'
wait $scan $idle
has "nmap knows what it is" "$S/nmap" '^23/tcp +open +telnet'
check "exec-timeout" is_true "SELECT count(*) = 1 FROM telnet_session WHERE device = 'r4' AND result = 'exec-timeout'"
same "the lines are told" "$(sql "SELECT typed LIKE '%username ***; end; show running-config%' AS x FROM telnet_session WHERE device = 'r1' AND result = 'exit' LIMIT 1")" 1
same "no password in the log" "$(sql "SELECT (SELECT count(*) FROM decisions WHERE sentence LIKE '%hidden%' OR sentence LIKE '%cisco%' OR sentence LIKE '%class %' AND sentence NOT LIKE '%access%') + (SELECT count(*) FROM telnet_session WHERE typed LIKE '%hidden%') AS n")" 0
for rule in telnet.server.offer telnet.server.vty-login telnet.server.echo telnet.server.result telnet.server.error \
	telnet.server.drop-access-class telnet.server.drop-vty-exhausted telnet.opt.q-method telnet.opt.do-wont \
	telnet.opt.will-do telnet.opt.naws telnet.opt.terminal-type telnet.functions telnet.mask-secrets \
	telnet.client.key-packet telnet.client.escape telnet.used-by-others login.enable-accepted; do
	check "$rule was taken" [ "$(taken $rule)" -gt 0 ]
done
# Refused connections end in resets, and nmap sends probes of many protocols.
judge "r1 r3 r4 cl srv pc" "(ip.addr == 10.8.0.2 and ip.addr == 10.8.0.10) or tcp.flags.reset == 1"
verdict
