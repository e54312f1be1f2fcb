#!/bin/bash
# Syslog: our devices tell rsyslogd; logger, rsyslogd and Python tell our server.
. "$(dirname "$0")/lib" || exit 1
need rsyslogd logger socat python3 script busybox

mkdir -p "$S/spool"
chmod 777 "$S/spool"
cat >"$S/server.conf" <<CONF
global(workDirectory="$S/spool")
module(load="imudp")
input(type="imudp" port="514" address="10.7.0.2")
input(type="imudp" port="5140" address="10.7.0.2")
template(name="parsed" type="string" string="%pri%|%timestamp%|%hostname%|%syslogtag%|%msg%|%fromhost-ip%|%inputname%\n")
action(type="omfile" file="$S/taken" template="parsed" asyncWriting="off")
CONF
cat >"$S/client.conf" <<CONF
global(workDirectory="$S/spool" localHostname="rsys")
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" socket="/run/rsys.sock" createPath="on")
if \$msg contains "udp" then action(type="omfwd" target="10.7.0.9" port="514" protocol="udp")
if \$msg contains "iso" then action(type="omfwd" target="10.7.0.9" port="514" protocol="udp" template="RSYSLOG_ForwardFormat")
if \$msg contains "ietf" then action(type="omfwd" target="10.7.0.9" port="514" protocol="udp" template="RSYSLOG_SyslogProtocol23Format")
if \$msg contains "lf" then action(type="omfwd" target="10.7.0.9" port="514" protocol="tcp" TCP_Framing="traditional")
if \$msg contains "counted" then action(type="omfwd" target="10.7.0.9" port="514" protocol="tcp" TCP_Framing="octet-counted")
CONF
cat >"$S/log.py" <<'PY'
import logging, logging.handlers, socket
for kind, name in ((socket.SOCK_DGRAM, "udp"), (socket.SOCK_STREAM, "tcp")):
    h = logging.handlers.SysLogHandler(("10.7.0.9", 514), "local2", kind)
    h.setFormatter(logging.Formatter("py[%(process)d]: %(message)s"))
    log = logging.getLogger(name)
    log.addHandler(h)
    log.error("python by " + name)
    h.close()
PY

lab interop-syslog <<LAB
name: interop-syslog
seed: 9
topology:
  nodes:
    sw1: { kind: switch }
    rsys: { kind: linux, config: "interface eth0\n ip address 10.7.0.2 255.255.255.0" }
    srv: { kind: server, config: "interface eth0\n ip address 10.7.0.9 255.255.255.0\nservice syslog\nservice syslog tcp" }
    off: { kind: server, config: "interface eth0\n ip address 10.7.0.8 255.255.255.0" }
    r1:
      kind: router
      config: |
        interface eth0
         ip address 10.7.0.1 255.255.255.0
        logging host 10.7.0.2
        logging host 10.7.0.2 transport udp port 5140
        logging trap debugging
        line vty 0 4
         no login
    pc: { kind: pc, config: "interface eth0\n ip address 10.7.0.10 255.255.255.0\nlogging 10.7.0.2\nlogging facility local3" }
  links:
    - { name: rsys, endpoints: [ "rsys:eth0", "sw1:1" ] }
    - { name: srv, endpoints: [ "srv:eth0", "sw1:2" ] }
    - { name: off, endpoints: [ "off:eth0", "sw1:3" ] }
    - { name: r1, endpoints: [ "r1:eth0", "sw1:4" ] }
    - { name: pc, endpoints: [ "pc:eth0", "sw1:5" ] }
LAB

# --- our clients, rsyslogd ---
start server rsys rsyslogd -n -i "$S/spool/server.pid" -f "$S/server.conf"
listens() { on rsys grep -q ':0202 ' /proc/net/udp; }
check "rsyslogd listens" await 10 listens
run r1 "send log 5 hello rsyslog" >/dev/null
run pc "send log 3 hello from a PC" >/dev/null
run r1 "send log 7 50% of <0> {it}" >/dev/null
taken_by_rsyslog() { [ "$(wc -l <"$S/taken")" -ge 5 ]; }
check "rsyslogd takes five messages" await 10 taken_by_rsyslog
has "priority, time, host, tag, text" "$S/taken" \
	'^189\|[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8}\|r1\|\*%SYS-5-USERLOG_NOTICE:\| Message from tty0\(user id: \): hello rsyslog\|10\.7\.0\.1\|imudp'
same "by both ports" "$(grep -c 'hello rsyslog' "$S/taken")" 2
has "a PC's facility" "$S/taken" '^155\|.*\|pc\|\*%SYS-3-USERLOG_ERR:\|'
has "signs" "$S/taken" '^191\|.*: 50% of <0> \{it\}\|'
finish server

# --- people at the console, in the middle of a line, and at a terminal that monitors ---
at_terminal() { # NAME COMMAND: its screen in $S/NAME, its keys from descriptor $keys
	mkfifo "$S/$1.keys"
	exec {keys}<>"$S/$1.keys"
	script -qfc "labctl --lab $lab_name $2" "$S/$1" <"$S/$1.keys" >/dev/null &
	people+=($!)
}
people=()
last_line_is() { grep -q "$2\$" <(tail -n 1 "$S/$1"); }
at_terminal console "console r1"
console=$keys
check "a prompt" await 10 last_line_is console 'r1# '
printf 'show ver' >&"$console"
check "the beginning of a line" await 10 last_line_is console 'r1# show ver'
at_terminal telnet "exec rsys -- busybox telnet 10.7.0.1"
telnet=$keys
check "a prompt by Telnet" await 10 last_line_is telnet 'r1> '
run r1 "send log 2 all hands" >/dev/null
check "the line is shown again after a message" await 10 last_line_is console 'r1# show ver'
has "the message" "$S/console" '%SYS-2-USERLOG_CRIT: Message from tty0\(user id: \): all hands'
printf 'sion\rexit\r' >&"$console"
printf 'terminal monitor\rshow clock\r' >&"$telnet"
check "terminal monitor" await 10 grep -q 'UTC' "$S/telnet"
run r1 "send log 1 everybody" >/dev/null
check "is heard by Telnet, too" await 10 grep -q 'everybody' "$S/telnet"
has_not "but not before it was asked for" "$S/telnet" 'all hands'
printf 'exit\r' >&"$telnet"
wait "${people[@]}"
has "the command" "$S/console" '^labd .*, router r1'

# --- logger, our server ---
L="logger -n 10.7.0.9 -P 514"
on pc $L -d --rfc3164 -p mail.warning -t tagged "logger old"
on pc $L -d --rfc5424 -p auth.crit -t app --id=77 --msgid ID1 --sd-id "x@1" --sd-param 'a="b"' "logger new"
on pc $L -T --rfc5424 -p user.info "logger over tcp"
on pc $L -T --octet-count --rfc3164 -p user.info "logger counted"
n_stored() { is_true "SELECT count(*) >= $2 AS n FROM syslog WHERE device = 'srv' AND message LIKE '%$1%'"; }
for text in "logger old" "logger new" "logger over tcp" "logger counted"; do
	check "stored: $text" await 20 n_stored "$text" 1
done
is_stored() { # TEXT CONDITION
	check "$1: $2" is_true "SELECT count(*) = 1 AS n FROM syslog WHERE message LIKE '%$1%' AND $2"
}
is_stored "logger old" "facility = 'mail' AND severity = 4 AND host = 'pc' AND app = 'tagged' AND sender = '10.7.0.10'"
is_stored "logger new" "facility = 'auth' AND severity = 2 AND host = 'pc' AND app = 'app' AND procid = '77' AND msgid = 'ID1'"
is_stored "logger new" "data LIKE '%[x@1 a=\"b\"]%' AND time LIKE '20__-__-__T%'"
is_stored "logger over tcp" "message = 'logger over tcp'"
is_stored "logger counted" "level = 'informational'"

# --- rsyslogd, our server ---
start client rsys rsyslogd -n -i "$S/spool/client.pid" -f "$S/client.conf"
check "rsyslogd has its socket" await 10 on rsys test -S /run/rsys.sock
for text in by-udp by-iso by-ietf by-lf by-counted; do
	on rsys logger -u /run/rsys.sock -p daemon.notice -t prog "$text"
done
for text in by-udp by-iso by-ietf by-lf by-counted; do
	check "stored: $text" await 20 n_stored "$text" 1
	is_stored "$text" "facility = 'daemon' AND severity = 5 AND host = 'rsys' AND app = 'prog'"
done
finish client

# --- Python, our server ---
if on pc python3 -c 'import logging.handlers' 2>/dev/null; then
	check "Python sends" on pc python3 "$S/log.py"
	for text in "python by udp" "python by tcp"; do
		check "stored: $text" await 20 n_stored "$text" 1
		is_stored "$text" "facility = 'local2' AND severity = 3 AND host = '10.7.0.10' AND app = 'py'"
	done
fi

# --- what is no syslog, and a server that is off ---
on pc sh -c 'printf hello | socat - UDP:10.7.0.9:514; printf "hello\n" | socat - TCP:10.7.0.9:514;
	printf "<13>x" | socat - UDP:10.7.0.8:514; ! socat -u /dev/null TCP:10.7.0.8:514' >/dev/null 2>&1
check "off: no connection" [ $? = 0 ]
for rule in syslog.server.drop-invalid syslog.server.drop-tcp-frame syslog.server.tcp syslog.server.tcp-close \
	syslog.server.header-missing; do
	check "$rule was taken" [ "$(taken $rule srv)" -gt 0 ]
done
same "off: dropped" "$(taken syslog.server.drop-disabled off)" 1

judge "rsys srv off r1 pc" "tcp.flags.reset == 1 and ip.src == 10.7.0.8"
verdict
