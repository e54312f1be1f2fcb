#!/bin/bash
# RADIUS: our routers ask FreeRADIUS, also when somebody logs in by Telnet; radclient and radtest ask our server.
. "$(dirname "$0")/lib" || exit 1
need freeradius radclient radtest telnet expect

mkdir -p -m 755 "$S/raddb"
cat >"$S/raddb/radiusd.conf" <<CONF
prefix = /usr
libdir = /usr/lib/freeradius
logdir = $S/raddb
run_dir = $S/raddb
raddbdir = $S/raddb
modconfdir = $S/raddb
pidfile = $S/raddb/pid
max_requests = 1024
security {
 allow_core_dumps = no
}
thread pool {
 start_servers = 1
 max_servers = 2
}
client lab {
 ipaddr = 10.8.0.0/24
 secret = s3cret
}
modules {
 pap {
 }
 files {
  filename = $S/raddb/users
 }
}
server default {
 listen {
  type = auth
  ipaddr = *
  port = 1812
 }
 authorize {
  files
  pap
 }
 authenticate {
  pap
 }
}
CONF
cat >"$S/raddb/users" <<'USERS'
ann	Cleartext-Password := "lab"
	Service-Type = NAS-Prompt-User, Cisco-AVPair = "shell:priv-lvl=15"
long	Cleartext-Password := "a-password-of-more-than-sixteen-octets"
framed	Cleartext-Password := "lab"
	Service-Type = Framed-User
asked	Auth-Type := Accept, Cleartext-Password := "lab"
USERS
chmod 644 "$S"/raddb/*

lab interop-radius <<LAB
name: interop-radius
seed: 9
topology:
  nodes:
    sw1: { kind: switch }
    free: { kind: linux, config: "interface eth0\n ip address 10.8.0.5 255.255.255.0" }
    user: { kind: linux, config: "interface eth0\n ip address 10.8.0.3 255.255.255.0" }
    r1:
      kind: router
      config: |
        hostname R1
        interface eth0
         ip address 10.8.0.1 255.255.255.0
        aaa new-model
        aaa authentication login default group radius local
        radius-server host 10.8.0.5 key s3cret
        username bob secret own
    r2:
      kind: router
      config: |
        hostname R2
        interface eth0
         ip address 10.8.0.2 255.255.255.0
        aaa new-model
        aaa authentication login default group radius local
        radius-server host 10.8.0.5 timeout 1 retransmit 0 key wrong
        username bob privilege 15 secret own
    srv:
      kind: server
      config: |
        interface eth0
         ip address 10.8.0.9 255.255.255.0
        service radius
        service radius-accounting
        radius client user 10.8.0.3 key s3cret
        radius user ann privilege 15 password lab
        radius user long password a-password-of-more-than-sixteen-octets
  links:
    - { name: free, endpoints: [ "free:eth0", "sw1:1" ] }
    - { name: user, endpoints: [ "user:eth0", "sw1:2" ] }
    - { name: r1, endpoints: [ "r1:eth0", "sw1:3" ] }
    - { name: r2, endpoints: [ "r2:eth0", "sw1:4" ] }
    - { name: srv, endpoints: [ "srv:eth0", "sw1:5" ] }
LAB

# --- our clients, FreeRADIUS as the server ---
start freeradius free freeradius -f -l stdout -xx -d "$S/raddb"
ask() { run "$1" "test aaa group radius $2 $3 legacy"; }
check "FreeRADIUS lets ann in" await 10 ask r1 ann lab
check "a long password" ask r1 long a-password-of-more-than-sixteen-octets
refused() { ask "$@" >"$S/refused"; grep -q "rejected by server" "$S/refused"; }
check "a wrong password" refused r1 ann wrong
check "no such user" refused r1 eve lab
check "a service that a router does not have" refused r1 framed lab
same "of which the decision tells" "$(taken radius.client.accept-service r1)" 3
no_answer() { ask "$@" >"$S/no"; grep -q "No authoritative response" "$S/no"; }
check "another key: no answer that could be believed" no_answer r2 ann lab

# Somebody comes by Telnet: expect types name and password, and one line.
cat >"$S/log_in" <<'EXPECT'
log_user 1
set timeout 10
lassign $argv address user password
spawn -noecho telnet $address
expect "Username: " { send "$user\r" } timeout { exit 2 }
expect "Password: " { send "$password\r" } timeout { exit 2 }
expect "#" { send "show privilege-of-mine\r" } ">" { send "exit\r" } "invalid" { exit 3 } timeout { exit 2 }
exit 0
EXPECT
log_in() { on user expect "$S/log_in" "$@"; }
check "ann comes by Telnet: FreeRADIUS says privilege 15" log_in 10.8.0.1 ann lab
same "her privilege" "$(sql "SELECT count(*) AS n FROM decisions WHERE device = 'r1' AND rule = 'login.user-accepted' AND sentence LIKE '%privilege 15'")" 1
refuses() { ! log_in "$@"; }
check "bob is of the router's own users: who asks a server that answers does not know him" refuses 10.8.0.1 bob own
check "where no server answers, he is let in" log_in 10.8.0.2 bob own
check "... by the second method" [ "$(taken login.method-failed r2)" -ge 1 ]
finish freeradius

# --- radclient and radtest, our server ---
cl() { echo "$1" | on user radclient -x -r 1 -t 1 "10.8.0.9:$2" "$3" "${4:-s3cret}" >"$S/rc" 2>&1; }
check "radclient: ann" cl "User-Name=ann,User-Password=lab,Message-Authenticator=0x00" 1812 auth
has "Access-Accept" "$S/rc" "Received Access-Accept"
has "her privilege as a Cisco pair" "$S/rc" 'Cisco-AVPair = "shell:priv-lvl=15"'
check "a long password" cl "User-Name=long,User-Password=a-password-of-more-than-sixteen-octets,Message-Authenticator=0x00" 1812 auth
check "CHAP" cl "User-Name=ann,CHAP-Password=lab,Message-Authenticator=0x00" 1812 auth
cl "User-Name=ann,User-Password=lob,Message-Authenticator=0x00" 1645 auth
has "Access-Reject" "$S/rc" "Received Access-Reject"
cl "User-Name=ann,User-Password=lab,Message-Authenticator=0x00" 1812 auth wrong
has "another key: no answer" "$S/rc" "No reply"
check "Status-Server" cl "Message-Authenticator=0x00" 1812 status
check "accounting: start" cl "User-Name=ann,Acct-Session-Id=77,Acct-Status-Type=Start" 1813 acct
check "accounting: stop" cl "User-Name=ann,Acct-Session-Id=77,Acct-Status-Type=Stop,Acct-Session-Time=61" 1813 acct
same "the session is in the database" "$(sql "SELECT seconds AS n FROM aaa_accounting WHERE session = '77' AND status = 'stop'")" 61
test_it() { on user radtest -x ann lab 10.8.0.9 0 s3cret >"$S/radtest" 2>&1; }
check "radtest" test_it
has "radtest: let in" "$S/radtest" "Received Access-Accept"
same "no secret is told" "$(sql "SELECT count(*) AS n FROM decisions WHERE sentence LIKE '%s3cret%' OR sentence LIKE '%sixteen-octets%'")" 0

judge all "tcp.flags.reset == 1"
verdict
