#!/bin/bash
# `labctl exec`: daemons that change user run inside a device, also for an ordinary user who has a
# range of ids; streams, status, signals and what is left behind.
. "$(dirname "$0")/lib" || exit 1
need tcpdump nginx dovecot sshd ssh ssh-keygen sftp vsftpd curl socat ping named dig unbound dnsmasq
need_ids

lab interop-exec <<'LAB'
name: interop-exec
seed: 51
topology:
  nodes:
    sw1: { kind: switch }
    srv: { kind: linux, config: "interface eth0\n ip address 10.7.0.2 255.255.255.0" }
    cl: { kind: linux, config: "interface eth0\n ip address 10.7.0.10 255.255.255.0\nip name-server 10.7.0.2" }
    pc: { kind: pc, config: "interface eth0\n ip address 10.7.0.11 255.255.255.0" }
  links:
    - { name: srv, endpoints: [ "srv:eth0", "sw1:1" ] }
    - { name: cl, endpoints: [ "cl:eth0", "sw1:2" ], wire: { rate: 100mbit, limit: 1000 } }
    - { name: pc, endpoints: [ "pc:eth0", "sw1:3" ] }
LAB

# --- exec itself ---
for n in 1 2 3 4 5 6 7 8; do
	timeout 20 labctl --lab "$lab_name" exec pc -- sh -c "echo here $n" >"$S/first.$n" 2>&1 &
done
wait
same "eight at once, the first ones of a device" "$(cat "$S"/first.* | sort | tr '\n' ' ')" \
	"here 1 here 2 here 3 here 4 here 5 here 6 here 7 here 8 "
same "standard input and output" "$(printf 'one\ntwo\n' | on cl tac | tr '\n' ' ')" "two one "
same "standard error" "$(on cl sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)" err
for status in 0 1 42 255; do
	on cl sh -c "exit $status"
	same "exit status $status" $? $status
done
on cl sh -c 'kill -9 $$'
same "ended by a signal" $? 137
on cl /no/such/program 2>/dev/null
same "no such program" $? 127
on cl /etc/passwd 2>/dev/null
same "not executable" $? 126
same "the device's name" "$(on cl uname -n)" cl
same "root there" "$(on cl id -u)" 0
same "its interfaces" "$(on cl ls -x /sys/class/net)" "eth0  lo"
same "its resolver" "$(on cl grep -c '^nameserver 10\.7\.0\.2' /etc/resolv.conf)" 1
same "working directory" "$(cd "$S" && on cl pwd)" "$S"
start sleeper cl sh -c 'trap "echo got usr1" USR1; trap "echo got int" INT; echo ready; while :; do sleep 0.1; done'
check "a program runs" await 5 grep -q ready "$S/sleeper.log"
signal sleeper USR1
check "signals pass" await 5 grep -q 'got usr1' "$S/sleeper.log"
signal sleeper INT
check "those of a terminal, too, when something else sends them" await 5 grep -q 'got int' "$S/sleeper.log"
finish sleeper KILL
check "killed with labctl" await 5 on cl sh -c '! pgrep -f "got usr[1]"'
on cl sh -c '(setsid sleep 300 &) ; (nohup sleep 301 >/dev/null 2>&1 &) ; sleep 0.2'
check "nothing is left behind" await 5 on cl sh -c '! pgrep -x sleep'
# What programs write to /etc, /run and /var stays in the device.
on cl sh -c 'for d in /etc /run /var /var/lib/misc /var/cache /var/log; do echo cl >$d/interop-mark; done'
for d in /etc /run /var /var/lib/misc /var/cache /var/log; do
	same "$d/interop-mark stays" "$(on cl cat $d/interop-mark)" cl
	check "in its device" on srv [ ! -e $d/interop-mark ]
	check "and not on the host" [ ! -e $d/interop-mark ]
done
same "folders have the host's owners" "$(on cl stat -c '%U:%G' /etc /var/lib /var/cache/man | xargs)" \
	"$(stat -c '%U:%G' /etc /var/lib /var/cache/man | xargs)"
check "accounts can be changed" on cl sh -c \
	'useradd -M -s /bin/sh ann && echo ann:lab | chpasswd && getent shadow ann | grep -q "^ann:[$]"'
check "the host's are as they were" sh -c '! getent passwd ann'
check "root has a home" on cl sh -c 'cd /root && ls >/dev/null && : >.interop-mark && rm .interop-mark'

# --- tcpdump: opens the interface as root, goes on as user tcpdump ---
mkdir -m 777 "$S/dump"
start tcpdump srv tcpdump -n -i eth0 -U -w "$S/dump/file.pcap" icmp
check "tcpdump listens" await 10 grep -q 'listening on eth0' "$S/tcpdump.log"
check "ping" on cl ping -c 3 -i 0.2 10.7.0.2
check "tcpdump writes 6 frames" await 5 eval '[ "$(tshark -r "$S/dump/file.pcap" 2>/dev/null | wc -l)" = 6 ]'
finish tcpdump INT
has "and counts them" "$S/tcpdump.log" '^6 packets captured'

# --- nginx: workers run as www-data ---
mkdir -p "$S/www" "$S/tmp"
chmod 755 "$S/www"
printf 'page\n' >"$S/www/index.html"
seq -w 1 430000 >"$S/www/big" # text: tshark guesses protocols from random octets
cat >"$S/nginx.conf" <<CONF
daemon off; user www-data; worker_processes 2; pid $S/nginx.pid; error_log stderr;
events { }
http {
	access_log off; client_body_temp_path $S/tmp/1; proxy_temp_path $S/tmp/2; fastcgi_temp_path $S/tmp/3;
	uwsgi_temp_path $S/tmp/4; scgi_temp_path $S/tmp/5;
	server { listen 10.7.0.2:80; root $S/www; }
}
CONF
start nginx srv nginx -c "$S/nginx.conf" -e stderr
check "nginx serves" await 10 on cl curl -sSf -o "$S/b" http://10.7.0.2/big
check "3 MB" cmp "$S/b" "$S/www/big"
same "its workers are www-data" "$(on srv ps -C nginx -o user= | sort | uniq -c | tr -s ' \n' ' ')" " 1 root 2 www-data "
check "our PC sees it" await 5 run pc "http get http://10.7.0.2/"
finish nginx

# --- sshd: its unprivileged child is user sshd ---
ssh-keygen -q -t ed25519 -N '' -f "$S/host_key"
ssh-keygen -q -t ed25519 -N '' -f "$S/user_key"
cat >"$S/sshd.conf" <<CONF
ListenAddress 10.7.0.2
HostKey $S/host_key
AuthorizedKeysFile $S/user_key.pub
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
Subsystem sftp internal-sftp
CONF
ssh_options="-F none -i $S/user_key -o UserKnownHostsFile=$S/known -o StrictHostKeyChecking=accept-new -o BatchMode=yes"
start sshd srv /usr/sbin/sshd -D -e -f "$S/sshd.conf"
check "sshd listens" await 10 grep -q 'Server listening' "$S/sshd.log"
# shellcheck disable=SC2086
same "ssh" "$(on cl ssh $ssh_options root@10.7.0.2 'id -u; uname -n' | tr '\n' ' ')" "0 srv "
# shellcheck disable=SC2086
same "through it, 3 MB" "$(on cl ssh $ssh_options root@10.7.0.2 "cat $S/www/big" | md5sum)" "$(md5sum <"$S/www/big")"
printf 'get %s %s\nput %s %s\n' "$S/www/big" "$S/sftp.get" "$S/www/index.html" "$S/sftp.put" >"$S/batch"
# shellcheck disable=SC2086
check "sftp" on cl sftp $ssh_options -b "$S/batch" root@10.7.0.2
check "gets" cmp "$S/sftp.get" "$S/www/big"
check "puts" cmp "$S/sftp.put" "$S/www/index.html"
finish sshd

# --- vsftpd: anonymous users are user ftp in a chroot ---
mkdir -p "$S/ftp/pub" "$S/ftp/incoming" "$S/empty"
chmod 755 "$S/ftp" "$S/ftp/pub" "$S/empty"
chmod 777 "$S/ftp/incoming"
cp "$S/www/big" "$S/ftp/pub/big"
cat >"$S/vsftpd.conf" <<CONF
background=NO
listen=YES
listen_address=10.7.0.2
seccomp_sandbox=NO
secure_chroot_dir=$S/empty
anonymous_enable=YES
anon_root=$S/ftp
write_enable=YES
anon_upload_enable=YES
anon_umask=022
xferlog_enable=NO
CONF
chmod 644 "$S/vsftpd.conf"
start vsftpd srv vsftpd "$S/vsftpd.conf"
check "vsftpd serves" await 10 on cl curl -sSf -o "$S/b" ftp://10.7.0.2/pub/big
check "3 MB" cmp "$S/b" "$S/www/big"
check "active mode" on cl curl -sSf -P - -o "$S/b" ftp://10.7.0.2/pub/big
check "takes a file" on cl curl -sSf -T "$S/www/index.html" ftp://10.7.0.2/incoming/
check "whole" on srv cmp "$S/ftp/incoming/index.html" "$S/www/index.html"
same "as user ftp" "$(on srv stat -c %U "$S/ftp/incoming/index.html")" ftp
finish vsftpd

# --- dovecot: users dovenull and dovecot, mail of user mail ---
mkdir -p "$S/dovecot/run" "$S/dovecot/state" "$S/mail/ann"
cat >"$S/dovecot.conf" <<CONF
base_dir = $S/dovecot/run
state_dir = $S/dovecot/state
log_path = /dev/stderr
protocols = pop3
listen = 10.7.0.2
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
first_valid_gid = 1
mail_location = mbox:$S/mail/%u:INBOX=$S/mail/%u/inbox
passdb {
  driver = static
  args = password=lab
}
userdb {
  driver = static
  args = uid=mail gid=mail home=$S/mail/%u
}
service pop3-login {
  chroot =
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
CONF
printf 'From x@lab Thu Jan  1 00:00:00 2026\nFrom: x@lab\nSubject: hello\n\nfirst mail\n\n' >"$S/mail/ann/inbox"
on srv chown -R mail:mail "$S/mail"
start dovecot srv dovecot -F -c "$S/dovecot.conf"
check "dovecot serves" await 15 on cl curl -sSf --user ann:lab -o "$S/b" pop3://10.7.0.2/1
has "a mail" "$S/b" '^first mail'
check "not with another password" on cl sh -c '! curl -sSf --user ann:wrong pop3://10.7.0.2/1'
start pop cl socat -u TCP:10.7.0.2:110 STDOUT
check "somebody logs in" await 5 grep -q '^+OK' "$S/pop.log"
same "its processes run as two users" \
	"$(on srv ps -eo user:20=,comm= | sed -n 's/^\(dove[a-z]*\) *\(anvil\|stats\|pop3-login\|auth\)$/\1 \2/p' | sort -u | tr '\n' ' ')" \
	"dovecot anvil dovecot auth dovecot stats dovenull pop3-login "
finish pop
finish dovecot

# --- name servers and dnsmasq, each as the user of its package ---
mkdir -m 777 "$S/dns"
printf '$TTL 60\n@ SOA ns admin 1 60 60 60 60\n@ NS ns\nns A 10.7.0.2\nwww A 10.7.0.80\n' >"$S/dns/lab.zone"
cat >"$S/dns/named.conf" <<CONF
options { directory "$S/dns"; listen-on { 10.7.0.2; }; listen-on-v6 { none; }; pid-file none;
	session-keyfile none; recursion no; dnssec-validation no; };
controls { };
zone "lab.test" { type primary; file "lab.zone"; };
CONF
start named srv named -g -n 1 -u bind -c "$S/dns/named.conf"
check "named -u bind answers" await 10 eval '[ "$(on cl dig +short +tries=1 +time=1 @10.7.0.2 www.lab.test)" = 10.7.0.80 ]'
same "as user bind" "$(on srv ps -C named -o user= | sort -u)" bind
finish named
cat >"$S/dns/unbound.conf" <<CONF
server:
	interface: 10.7.0.2
	access-control: 10.0.0.0/8 allow
	username: "unbound" chroot: "" pidfile: "" use-syslog: no directory: "$S/dns" module-config: iterator
	local-zone: "lab.test." static
	local-data: "www.lab.test. A 10.7.0.81"
remote-control:
	control-enable: no
CONF
start unbound srv unbound -d -c "$S/dns/unbound.conf"
check "unbound answers" await 10 eval '[ "$(on cl dig +short +tries=1 +time=1 @10.7.0.2 www.lab.test)" = 10.7.0.81 ]'
same "as user unbound" "$(on srv ps -C unbound -o user= | sort -u)" unbound
finish unbound
start dnsmasq srv dnsmasq -k --conf-file=/dev/null --no-resolv --no-hosts --interface=eth0 --bind-interfaces \
	--address=/www.lab.test/10.7.0.82 --pid-file="$S/dns/dnsmasq.pid" --log-facility=-
check "dnsmasq answers" await 10 eval '[ "$(on cl dig +short +tries=1 +time=1 @10.7.0.2 www.lab.test)" = 10.7.0.82 ]'
same "as user nobody" "$(on srv ps -C dnsmasq -o user= | sort -u)" nobody
finish dnsmasq

# tshark 4.0 misreads encrypted SSH. Before a daemon listens, and after curl has what it wants, there
# are resets and port unreachables.
judge srv "tcp.flags.reset == 1 or icmp.type == 3 or ssh or tcp.options.sack"
verdict
