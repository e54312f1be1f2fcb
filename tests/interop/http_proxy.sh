#!/bin/bash
# Our proxy between curl, wget, openssl, Python or our own browser and nginx.
. "$(dirname "$0")/lib" || exit 1
need curl wget openssl nginx python3 socat

mkdir -p "$S/site/dav" "$S/ssi" "$S/tmp"
chmod 777 "$S/tmp" "$S/site/dav"
printf 'start page\n' >"$S/site/index.html"
printf 'old page\n' >"$S/site/old.txt"
seq -w 1 2000 >"$S/site/text.txt"
head -c 700000 /dev/urandom >"$S/site/big.bin"
head -c 300000 /dev/urandom >"$S/body"
printf 'chunk <!--#echo var="request_method" --> end\n' >"$S/ssi/chunked"
cat >"$S/nginx.conf" <<CONF
daemon off;
user root;
pid $S/nginx.pid;
error_log stderr;
events { }
http {
	log_format full '\$request|\$status|\$http_via|\$http_if_none_match|\$http_connection|\$http_x_mine';
	access_log $S/access.log full;
	client_body_temp_path $S/tmp/1; proxy_temp_path $S/tmp/2; fastcgi_temp_path $S/tmp/3;
	uwsgi_temp_path $S/tmp/4; scgi_temp_path $S/tmp/5;
	client_max_body_size 2m;
	gzip on; gzip_types text/plain; gzip_vary on; gzip_proxied any; gzip_http_version 1.0;
	ssl_certificate /etc/ssl/lab.pem;
	ssl_certificate_key /etc/ssl/lab.pem;
	server {
		listen 10.8.0.3:80;
		listen 10.8.0.3:443 ssl;
		root $S/site;
		location = /chunked { ssi on; ssi_types *; root $S/ssi; }
		location = /text.txt { add_header Cache-Control max-age=60; }
		location = /old.txt { add_header Cache-Control max-age=1; gzip off; }
		location = /moved { return 302 http://10.8.0.3/; }
		location = /private { default_type text/plain; add_header Cache-Control private,max-age=60; return 200 "\$msec\n"; }
		location = /echo { default_type text/plain; return 200 "\$request_method \$content_length \$http_host\n"; }
		location /dav/ { dav_methods PUT DELETE; create_full_put_path on; root $S/site; add_header Cache-Control max-age=60; }
	}
}
CONF

lab interop-http-proxy <<LAB
name: interop-http-proxy
seed: 48
topology:
  nodes:
    sw1: { kind: switch }
    px:
      kind: server
      config: |
        interface eth0
         ip address 10.8.0.2 255.255.255.0
        ip host web 10.8.0.3
        ip http proxy-server
        ip http proxy timeout 4
    web: { kind: linux, config: "interface eth0\n ip address 10.8.0.3 255.255.255.0" }
    pc: { kind: pc, config: "interface eth0\n ip address 10.8.0.10 255.255.255.0\nip http client proxy-server 10.8.0.2" }
    cl: { kind: linux, config: "interface eth0\n ip address 10.8.0.11 255.255.255.0" }
    far: { kind: linux, config: "interface eth0\n ip address 10.8.0.12 255.255.255.0" }
  links:
    - { name: px, endpoints: [ "px:eth0", "sw1:1" ] }
    - { name: web, endpoints: [ "web:eth0", "sw1:2" ] }
    - { name: pc, endpoints: [ "pc:eth0", "sw1:3" ] }
    - { name: cl, endpoints: [ "cl:eth0", "sw1:4" ] }
    - { name: far, endpoints: [ "far:eth0", "sw1:5" ], wire: { rate: 20mbit, limit: 1000 } }
LAB
P=http://10.8.0.2:8080
U=http://10.8.0.3

get() { # curl ARGUMENTS: status in $code, body in $S/b, the conversation in $S/v
	rm -f "$S/b"
	code=$(on cl curl -sS -v -x $P --max-time 15 -o "$S/b" -w '%{http_code}' "$@" 2>"$S/v")
	tr -d '\r' <"$S/v" >"$S/v2" && mv "$S/v2" "$S/v"
}
gives() { # TEXT CODE curl ARGUMENTS
	local text=$1 want=$2
	shift 2
	get "$@"
	same "$text: $want" "$code" "$want"
}
body_is() { # TEXT FILE
	check "$1" cmp "$S/b" "$2"
}
asked() { # REGEX: how often nginx was
	grep -cE "$1" "$S/access.log"
}

gives "nobody behind it" 502 $U/
start nginx web nginx -c "$S/nginx.conf" -e stderr
behind() { get $U/ && [ "$code" = 200 ]; }
check "nginx behind it" await 10 behind

# --- what goes through ---
gives "a page" 200 $U/
body_is "is the page" "$S/site/index.html"
has "with Via" "$S/v" '^< Via: 1\.1 px$'
has "and nginx sees one" "$S/access.log" '^GET / HTTP/1\.1\|200\|1\.1 px\|'
gives "by a name that the proxy knows" 200 http://web/
gives "no such name" 502 http://nothing.lab.test/
gives "its error" 404 $U/nothing
gives "its redirect, followed" 200 -L $U/moved
gives "HEAD" 200 -I $U/text.txt
gives "chunks" 200 $U/chunked
has "are chunks" "$S/v" '^< Transfer-Encoding: chunked$'
has "and right" "$S/b" '^chunk GET end$'
gives "chunks for HTTP/1.0" 200 -0 $U/chunked
has "are none" "$S/v" '^< Connection: close$'
has "and right" "$S/b" '^chunk GET end$'
gives "a range" 206 -r 100-199 $U/big.bin
check "is right" cmp "$S/b" <(tail -c +101 "$S/site/big.bin" | head -c 100)
gives "POST" 200 --data-binary "@$S/body" $U/echo
has "arrives" "$S/b" '^POST 300000 10\.8\.0\.3$'
gives "PUT" 201 -T "$S/body" $U/dav/new
check "arrives" cmp "$S/body" "$S/site/dav/new"
code=$(on cl sh -c "curl -sS -x $P -o $S/b -w '%{http_code}' -T - $U/dav/chunked <$S/body")
same "PUT in chunks: 201" "$code" 201
check "arrives" cmp "$S/body" "$S/site/dav/chunked"
gives "a header for the proxy alone" 200 -H 'Connection: X-Mine' -H 'X-Mine: secret' $U/echo
has_not "stays here" "$S/access.log" 'secret'
gives "700 kB" 200 $U/big.bin
body_is "are right" "$S/site/big.bin"
gives "two pages" 200200 $U/ -o "$S/b2" $U/chunked
has "on one connection" "$S/v" 'Re-using existing connection'
gives "four at a time" 200200200200 -Z $U/ -o "$S/b1" $U/big.bin -o "$S/b2" $U/chunked -o "$S/b3" $U/text.txt -o "$S/b4"
body_is "are right" "$S/b"
check "wget" on cl env http_proxy=$P wget -nv -O "$S/b" $U/big.bin
body_is "its file" "$S/site/big.bin"
check "Python" on cl env http_proxy=$P https_proxy=$P python3 -c "import urllib.request as u
assert u.urlopen('$U/').read() == b'start page\n'
assert u.urlopen('https://10.8.0.3/').read() == b'start page\n'"

# --- the cache ---
gives "a page that is kept" 200 $U/text.txt
n=$(asked '^GET /text\.txt')
gives "again" 200 $U/text.txt
has "has an age" "$S/v" '^< Age: [0-9]+$'
same "nginx was not asked" "$(asked '^GET /text\.txt')" "$n"
gives "and with a tag" 304 -H "If-None-Match: $(sed -n 's/^< ETag: //p' "$S/v")" $U/text.txt
same "nginx was not asked" "$(asked '^GET /text\.txt')" "$n"
gives "compressed" 200 -H 'Accept-Encoding: gzip' $U/text.txt
check "is another one (Vary)" sh -c "gzip -dc <$S/b | cmp - $S/site/text.txt"
gives "compressed again" 200 -H 'Accept-Encoding: gzip' $U/text.txt
same "both are kept" "$(asked '^GET /text\.txt')" "$((n + 1))"
gives "the plain one" 200 $U/text.txt
body_is "is still plain" "$S/site/text.txt"
gives "without a word of how long" 200 $U/index.html
gives "again" 200 $U/index.html
has "was asked about by its tag" "$S/access.log" '^GET /index\.html HTTP/1\.1\|304\|1\.1 px\|.x22'
gives "one's own" 200 $U/private
cp "$S/b" "$S/first"
gives "again" 200 $U/private
check "is not kept" sh -c "! cmp -s $S/b $S/first"
gives "kept" 200 $U/dav/new
gives "changed" 204 -T "$S/site/text.txt" $U/dav/new
gives "is new" 200 $U/dav/new
body_is "at once" "$S/site/text.txt"

# --- tunnels ---
gives "https" 200 https://10.8.0.3/
has "through a tunnel" "$S/v" '^< HTTP/1\.1 200 Connection established'
body_is "its page" "$S/site/index.html"
gives "700 kB of it" 200 https://10.8.0.3/big.bin
body_is "are right" "$S/site/big.bin"
on cl sh -c "echo | openssl s_client -proxy 10.8.0.2:8080 -connect 10.8.0.3:443 -verify_ip 10.8.0.3" >"$S/a" 2>&1
has "openssl s_client" "$S/a" 'Verify return code: 0 \(ok\)'
gives "a tunnel to port 25" 000 -p http://10.8.0.3:25/
has "is forbidden" "$S/v" '^< HTTP/1\.1 403 Forbidden'
gives "a tunnel to nobody" 000 https://10.8.0.9/
has "times out or fails" "$S/v" '^< HTTP/1\.1 50[24] '

# --- what people type ---
typed() { # REQUEST (printf) -> $S/a
	printf "$1" >"$S/request"
	on cl socat -t 4 -T 4 - TCP:10.8.0.2:8080 <"$S/request" 2>&1 | tr -d '\r' >"$S/a"
}
typed 'GET / HTTP/1.1\r\nHost: 10.8.0.2\r\n\r\n'
has "a request for the proxy itself" "$S/a" '^HTTP/1\.1 400 '
typed "GET $U/ HTTP/1.1\r\nHost: x\r\nVia: 1.1 px\r\n\r\n"
has "a loop" "$S/a" '^HTTP/1\.1 502 '
typed "GET $U/ HTTP/1.1\r\nHost: x\r\n\r\nHEAD $U/text.txt HTTP/1.1\r\nHost: x\r\n\r\nGET $U/nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
same "three at once are answered in order" "$(sed -n 's|^HTTP/1.1 \([0-9]*\).*|\1|p' "$S/a" | xargs)" "200 200 404"
typed "OPTIONS $U HTTP/1.1\r\nHost: x\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n"
has "Max-Forwards" "$S/a" '^HTTP/1\.1 200 '

# --- our own browser ---
run pc "http get $U/" >"$S/a" 2>&1
has "our browser" "$S/a" '^start page$'
run pc "http get https://10.8.0.3/" >"$S/a" 2>&1
has "over https" "$S/a" '^start page$'

# --- a slow reader, and a server that goes ---
same "700 kB over 20 Mbit/s" "$(on far curl -sS -x $P --max-time 15 $U/big.bin | md5sum)" "$(md5sum <"$S/site/big.bin")"
gives "a page for a second" 200 $U/old.txt
finish nginx
sleep 1.1
gives "stale, its server gone" 200 $U/old.txt
body_is "the page" "$S/site/old.txt"
gives "what was never kept" 502 $U/never
run px "show ip http proxy" >"$S/a"
has "show ip http proxy" "$S/a" '^Octets fetched: [0-9]+, saved: [1-9][0-9]*$'

for rule in cache-store cache-hit cache-miss cache-revalidate cache-validated forward-headers origin-failed \
	invalidate serve-stale benefits tunnel-end loop max-forwards; do
	check "http.proxy.$rule was taken" [ "$(taken http.proxy.$rule)" -gt 0 ]
done
check "an error's address is whole on both sides" is_true "SELECT count(DISTINCT server) = 2 AS n FROM http_errors
	WHERE url = 'http://10.8.0.3/nothing' AND status = 404"
# Under load the log shortens payloads.
judge "px pc" "tcp.flags.reset == 1 or icmp or frame.cap_len < frame.len"
verdict
