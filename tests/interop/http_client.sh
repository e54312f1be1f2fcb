#!/bin/bash
# Our text browser (`http get` and its relatives) with nginx, busybox httpd and servers that misbehave.
. "$(dirname "$0")/lib" || exit 1
need nginx busybox socat

mkdir -p "$S/site/dir" "$S/site/dav" "$S/ssi" "$S/tmp" "$S/bb/cgi-bin" "$S/bb/private" "$S/files"
seq 1 20000 >"$S/files/two.txt"
chmod 777 "$S/tmp" "$S/site/dav"
printf 'start page\n' >"$S/site/index.html"
printf 'page in dir\n' >"$S/site/dir/index.html"
printf 'not here\n' >"$S/site/missing.html"
printf '<html><body><h1>Title</h1><p>See <a href="/dir/">the dir</a> and <a href="two.html">two</a>.</p></body></html>\n' >"$S/site/links.html"
printf 'page two\n' >"$S/site/two.html"
seq -w 1 40000 >"$S/site/long.txt" # 240,000 octets
printf 'chunk <!--#echo var="request_method" --> end\n' >"$S/ssi/chunked"
printf 'ann:%s\n' '{PLAIN}lab' >"$S/passwd"
cat >"$S/nginx.conf" <<CONF
daemon off;
user root;
pid $S/nginx.pid;
error_log stderr;
events { }
http {
	types { text/html html; text/plain txt; }
	log_format full '\$request|\$status|\$http_accept_encoding|\$http_referer|\$http_user_agent|\$connection_requests';
	access_log $S/access.log full;
	gzip on; gzip_types text/plain; gzip_min_length 1;
	client_body_temp_path $S/tmp/1; proxy_temp_path $S/tmp/2; fastcgi_temp_path $S/tmp/3;
	uwsgi_temp_path $S/tmp/4; scgi_temp_path $S/tmp/5;
	server {
		listen 10.6.0.2:80;
		root $S/site;
		error_page 404 /missing.html;
		location = /chunked { ssi on; ssi_types *; root $S/ssi; }
		location = /hop1 { return 301 /hop2; }
		location = /hop2 { return 302 http://10.6.0.2/hop3; }
		location = /hop3 { return 307 two.html; }
		location = /circle1 { return 302 /circle2; }
		location = /circle2 { return 302 /circle1; }
		location = /teapot { return 418 "short and stout\n"; }
		location = /broken { return 500; }
		location = /secret { auth_basic "the lab"; auth_basic_user_file $S/passwd; try_files /two.html =404; }
		location = /agent { default_type text/plain; return 200 "\$http_host \$request_method \$http_accept_encoding.\n"; }
		location = /fresh { default_type text/plain; add_header Cache-Control max-age=60; return 200 "fresh \$msec\n"; }
		location = /nobody { return 204; }
		location = /form { default_type text/plain; if (\$request_method = POST) { return 200 "\$content_type \$content_length\n"; } return 405; }
		location /dav/ { dav_methods PUT DELETE; create_full_put_path on; root $S/site; }
	}
}
CONF
printf 'busybox page\n' >"$S/bb/index.html"
printf 'private page\n' >"$S/bb/private/index.html"
printf '/private:bob:lab\n' >"$S/bb.conf"
cat >"$S/bb/cgi-bin/hello" <<'CGI'
#!/bin/sh
printf 'Content-Type: text/plain\r\n\r\n'
echo "hello from cgi: $REQUEST_METHOD $QUERY_STRING"
CGI
chmod 755 "$S/bb/cgi-bin/hello"

lab interop-http-client <<LAB
name: interop-http-client
seed: 42
topology:
  nodes:
    sw1: { kind: switch }
    web: { kind: linux, config: "interface eth0\n ip address 10.6.0.2 255.255.255.0" }
    bb: { kind: linux, config: "interface eth0\n ip address 10.6.0.3 255.255.255.0" }
    odd: { kind: linux, config: "interface eth0\n ip address 10.6.0.4 255.255.255.0" }
    pc:
      kind: pc
      config: |
        interface eth0
         ip address 10.6.0.10 255.255.255.0
        ip host www.lab.test 10.6.0.2
        ip http client response timeout 3
    sv: { kind: server, files: files, config: "interface eth0\n ip address 10.6.0.12 255.255.255.0" }
    rt: { kind: router, config: "interface eth0\n ip address 10.6.0.11 255.255.255.0" }
  links:
    - { name: web, endpoints: [ "web:eth0", "sw1:1" ] }
    - { name: bb, endpoints: [ "bb:eth0", "sw1:2" ] }
    - { name: odd, endpoints: [ "odd:eth0", "sw1:3" ] }
    - { name: pc, endpoints: [ "pc:eth0", "sw1:4" ] }
    - { name: sv, endpoints: [ "sv:eth0", "sw1:6" ] }
    - { name: rt, endpoints: [ "rt:eth0", "sw1:5" ] }
LAB
U=http://10.6.0.2
B=http://10.6.0.3

start nginx web nginx -c "$S/nginx.conf" -e stderr
start httpd bb busybox httpd -f -vv -p 10.6.0.3:80 -h "$S/bb" -c "$S/bb.conf"
serves() { run pc "http get $1"; }
check "nginx serves" await 10 serves $U/
check "busybox serves" await 10 serves $B/

http() { # WORDS... -> output in $S/a, status in $code
	run pc "http $*" >"$S/a" 2>&1
	code=$?
}
shows() { # TEXT REGEX WORDS...: it succeeds and shows this
	local text=$1 regex=$2
	shift 2
	http "$@"
	same "$text" $code 0
	has "$text: $regex" "$S/a" "$regex"
}
fails() { # TEXT REGEX WORDS...
	local text=$1 regex=$2
	shift 2
	http "$@"
	same "$text fails" $code 1
	has "$text: $regex" "$S/a" "$regex"
}

# --- nginx ---
shows "a page" '^start page$' get $U/
shows "by name" '^start page$' get http://www.lab.test/
shows "without http://" '^page two$' get www.lab.test/two.html
shows "a directory without its slash" '^page in dir$' get $U/dir
shows "three redirects" '^page two$' get $U/hop1
fails "redirects in a circle" '[Cc]irc|[Ll]oop|[Rr]edirect' get $U/circle1
fails "no such page" '404 Not Found' get $U/nothing
fails "418" '418' get $U/teapot
fails "500" '500 Internal Server Error' get $U/broken
shows "chunks" '^chunk GET end$' get $U/chunked
shows "what it says of itself" '^10\.6\.0\.2 GET identity\.$' get $U/agent
same "it never asks for gzip" "$(cut -d'|' -f3 "$S/access.log" | sort -u)" "identity"
http get $U/long.txt
check "240 kB" [ "$(grep -c '^[0-9]\{5\}$' "$S/a")" = 40000 ]
http get $U/nobody
same "204" $code 0
http head $U/two.html
same "HEAD" $code 0
has "HEAD shows the fields" "$S/a" 'Content-Length: 9'
fails "without a password" '401' get $U/secret
shows "with it" '^page two$' get $U/secret ann lab
shows "with it in the address" '^page two$' get http://ann:lab@10.6.0.2/secret
fails "with a wrong one" '401' get $U/secret ann wrong
shows "a page laid out" 'the dir' browse $U/links.html
shows "its first link" '^page in dir$' follow 1
has "Referer is sent" "$S/access.log" "^GET /dir/ HTTP/1\.1\|(200|304)\|identity\|$U/links\.html\|"
shows "POST" '^application/x-www-form-urlencoded 7$' post $U/form a=1\&b=2
check "PUT" run sv "http put $U/dav/new/x.txt two.txt"
check "arrives" cmp "$S/files/two.txt" "$S/site/dav/new/x.txt"
check "DELETE" run sv "http delete $U/dav/new/x.txt"
check "arrives too" [ ! -e "$S/site/dav/new/x.txt" ]
shows "fresh" '^fresh ' get $U/fresh
cp "$S/a" "$S/first"
http get $U/fresh
check "is shown again from the cache" cmp "$S/a" "$S/first"
same "without a request" "$(grep -c '^GET /fresh' "$S/access.log")" 1
http reload $U/fresh
same "reload asks" "$(grep -c '^GET /fresh' "$S/access.log")" 2
http get $U/two.html
http get $U/two.html
has "a page is validated" "$S/access.log" '^GET /two\.html HTTP/1\.1\|304\|'
shows "and shown" '^page two$' get $U/two.html
has "connections are used again" "$S/access.log" '\|[2-9]$'
check "a router browses" run rt "http get $U/"

# --- busybox ---
shows "busybox: a page" '^busybox page$' get $B/
shows "busybox: an answer without length" '^hello from cgi: GET x=1$' get "$B/cgi-bin/hello?x=1"
shows "busybox: with a password" '^private page$' get $B/private/ bob lab
fails "busybox: without" '401' get $B/private/
fails "busybox: no such page" '404' get $B/nothing

# --- servers that misbehave: each answers once ---
odd() { # BASH CODE that plays the server
	printf '%s\n' "$1" >"$S/odd.sh"
	start odd odd socat -T 60 TCP-LISTEN:80,reuseaddr EXEC:"bash $S/odd.sh"
	# State 0A listens. The connection of the case before may still be there, in TIME_WAIT.
	check "it listens" await 20 on odd grep -q ':0050 00000000:0000 0A ' /proc/net/tcp
}
O=http://10.6.0.4
R='read -r l; while read -r x && [ ${#x} -gt 1 ]; do :; done'
odd "$R; printf 'HTTP/1.1 200 OK\r\n\r\nuntil the end'"
shows "no length: until the end" 'until the end' get $O/1
finish odd
odd "$R; printf 'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nold\n'"
shows "HTTP/1.0" '^old$' get $O/2
finish odd
odd "$R; printf 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfinal'"
shows "1xx before the answer" 'final' get $O/3
finish odd
odd "$R; printf 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: t\r\n\r\n'"
shows "chunks with extension and trailer" '^hello world' get $O/4
finish odd
odd "$R; printf 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort'"
fails "less than it said" '[Ii]ncomplete' get $O/5
finish odd
odd "$R; printf 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'"
fails "two lengths" '[Ii]nvalid' get $O/6
finish odd
odd "$R; printf 'nonsense\r\n\r\n'"
fails "nonsense" '[Ii]nvalid' get $O/7
finish odd
odd "$R; cat >/dev/null" # until the client goes
fails "no answer in 3 s" '[Tt]imeout' get $O/8
check "it waited 3 s" is_true "SELECT json_extract(\"values\", '$.waited') / 1000000000 BETWEEN 3 AND 5 AS n
	FROM decisions WHERE rule = 'http.client.timeout'"
finish odd
odd "$R; printf 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n'; for i in 1 2 3 4; do printf abc; sleep 1; done"
http get $O/9
has "a slow one, but going on" "$S/a" 'abcabcabcabc|[Tt]imeout'
finish odd
fails "nobody there" '[Rr]eset|[Rr]efused' get $O/10
fails "no such name" '[Uu]nresolved|[Nn]ot' get http://nowhere.lab.test/

for rule in http.client.timeout http.client.incomplete http.client.invalid-response http.client.interim \
	http.client.resolve-fail http.client.connect-refused http.client.redirect http.client.authenticate \
	http.client.cache-hit http.client.cache-revalidate http.client.cache-validated; do
	check "$rule was taken" [ "$(taken $rule)" -gt 0 ]
done
# At first, nothing listened.
judge "web bb sv" "tcp.flags.reset == 1 and ip.src in {10.6.0.2, 10.6.0.3}"
verdict
