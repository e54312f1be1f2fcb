#!/bin/bash
# HTTP: a page of 1 kB over 50 connections that stay open, beside lighttpd. Without the log; then with it.
. "$(dirname "$0")/services" || exit 1
need wrk lighttpd

mkdir "$work/www"
head -c 1024 /dev/urandom >"$work/www/page.txt"
cat >"$work/lighttpd.conf" <<CONF
server.document-root = "$work/www"
server.port = 80
server.bind = "10.9.0.1"
server.max-keep-alive-requests = 100000000
CONF

# ADDRESS -> requests a second, errors, mean latency
get() {
	on cl wrk -t1 -c50 -d"$secs" "http://$1/page.txt" 2>&1 |
		awk '/Requests.sec/ {r = $2} /^ *Latency/ {l = $2} /Non-2xx|Socket errors/ {e = $0; gsub(/ +/, "-", e)}
			END {printf "%.0f mean=%s%s\n", r, l, e}'
}

up "        ip http server" --no-log
peer lighttpd -D -f "$work/lighttpd.conf"
get 10.8.0.1 >/dev/null
get 10.9.0.1 >/dev/null
heading "without the log" lighttpd "latency"
for ((r = 0; r < runs; r++)); do
	measure ours labnode get 10.8.0.1
	measure peer lighttpd get 10.9.0.1
done
compare "requests/s"
down

[ -n "${NOLOG:-}" ] && exit
up "        ip http server"
echo "with everything logged:"
echo "  requests/s:          $(for ((r = 0; r < runs; r++)); do get 10.8.0.1; done | median)"
echo "  frames missing:      $(frames_missing)"
