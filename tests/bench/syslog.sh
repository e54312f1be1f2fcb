#!/bin/bash
# Syslog: messages of 100 octets stored a second of a flood, beside rsyslogd, which writes them into a
# file, without the log; then with everything logged.
. "$(dirname "$0")/services" || exit 1
need rsyslogd
traffic=$PWD/$B/bench/traffic
[ "${B:0:1}" = / ] && traffic=$B/bench/traffic

mkdir "$work/spool"
cat >"$work/rsyslog.conf" <<CONF
global(workDirectory="$work/spool")
module(load="imudp")
input(type="imudp" port="514" address="10.9.0.1")
action(type="omfile" file="$work/spool/taken")
CONF
text='<189>Nov 30 09:00:00 r1 %LINK-3-UPDOWN: Interface GigabitEthernet0/0, changed state to up, or to down'

ours() { timeout 20 labctl --lab $lab run srv "show syslog 1" | sed -n 's/.*TCP [a-z]*, \([0-9]*\) messages.*/\1/p'; }
theirs() { cat "$work/spool/taken" 2>/dev/null | wc -l; }
value() { sed -n "s/.*$1=\([0-9]*\).*/\1/p"; }

# COUNT ADDRESS -> stored a second, what part of those sent
flood() {
	local before sent
	before=$($1)
	sent=$(on cl "$traffic" say "$2" 514 "$text" "$secs" | value sent)
	sleep 0.5
	awk -v n="$(($($1) - before))" -v sent="$sent" -v s="$secs" \
		'BEGIN {printf "%.0f %.0f%%-of-%.0f/s\n", n / s, 100 * n / sent, sent / s}'
}

up "        service syslog" --no-log
peer rsyslogd -n -i "$work/spool/pid" -f "$work/rsyslog.conf"
heading "without the log" rsyslogd "stored"
for ((r = 0; r < runs; r++)); do
	measure ours labnode flood ours 10.8.0.1
	measure peer rsyslogd flood theirs 10.9.0.1
	: >"$work/spool/taken"
done
compare "messages/s"
down

[ -n "${NOLOG:-}" ] && exit
up "        service syslog"
echo "with everything logged:"
echo "  as many as go:       $(for ((r = 0; r < runs; r++)); do flood ours 10.8.0.1; done | median)"
echo "  frames missing:      $(frames_missing) of $(sql "SELECT count(*) AS n FROM packet")"
