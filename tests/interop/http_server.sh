#!/bin/bash
# Our web server, asked by curl and wget, by requests typed by hand, and with nginx behind it.
. "$(dirname "$0")/lib" || exit 1
need curl wget socat nginx md5sum

mkdir -p "$S/www/dir" "$S/www/secret" "$S/www/up" "$S/www/empty"
printf '<html><title>Start</title><a href="dir/">dir</a> <a href="two.html">two</a></html>\n' >"$S/www/index.html"
printf '<html>two</html>\n' >"$S/www/two.html"
printf '<html>dir <a href="../two.html">two</a></html>\n' >"$S/www/dir/index.html"
printf 'secret\n' >"$S/www/secret/page.txt"
base64 -d >"$S/www/pixel.png" <<'PNG'
iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==
PNG
: >"$S/www/zero.txt"
seq -w 1 1000 | tr '\n' ' ' >"$S/www/numbers.txt" # 5000 octets
head -c 20000000 /dev/urandom >"$S/www/big.bin"
head -c 300000 /dev/urandom >"$S/body"
find "$S/www" -exec touch -d '2020-02-02 02:02:02 UTC' {} +
mkdir -p "$S/app/sub" "$S/tmp"
chmod 777 "$S/tmp"
printf 'from behind\n' >"$S/app/page.txt"
cat >"$S/nginx.conf" <<CONF
daemon off;
user root;
pid $S/nginx.pid;
error_log stderr;
events { }
http {
	access_log off;
	client_body_temp_path $S/tmp/1; proxy_temp_path $S/tmp/2; fastcgi_temp_path $S/tmp/3;
	uwsgi_temp_path $S/tmp/4; scgi_temp_path $S/tmp/5;
	server {
		listen 10.5.0.3:8080;
		root $S/app;
		location = /app/chunked { ssi on; ssi_types *; default_type text/plain; root $S/ssi; }
		location = /app/moved { return 302 /app/page.txt; }
		location = /app/echo { client_max_body_size 2m; return 200 "\$request_method \$content_length \$http_x_forwarded_for\n"; }
		location /app/ { alias $S/app/; }
	}
}
CONF
mkdir -p "$S/ssi/app"
printf 'one <!--#echo var="request_method" --> two\n' >"$S/ssi/app/chunked"

lab interop-http-server <<'LAB'
name: interop-http-server
seed: 41
topology:
  nodes:
    sw1: { kind: switch }
    www:
      kind: server
      files: www
      config: |
        interface eth0
         ip address 10.5.0.2 255.255.255.0
        ip http server
        ip http user ann password lab
        ip http protect secret
        ip http writable up
        ip http timeout-policy idle 3
        ip http limit body 1000000
        ip http script guest @insert guests
        ip http script guest <p>{count.guests} guests, {method} from {client}</p>
        ip http script guest @each guests <li>{row.name}</li>
        ip http app-server app http://10.5.0.3:8080/app
    app: { kind: linux, config: "interface eth0\n ip address 10.5.0.3 255.255.255.0" }
    cl: { kind: linux, config: "interface eth0\n ip address 10.5.0.10 255.255.255.0" }
    far: { kind: linux, config: "interface eth0\n ip address 10.5.0.11 255.255.255.0" }
  links:
    - { name: www, endpoints: [ "www:eth0", "sw1:1" ] }
    - { name: app, endpoints: [ "app:eth0", "sw1:2" ] }
    - { name: cl, endpoints: [ "cl:eth0", "sw1:3" ] }
    - { name: far, endpoints: [ "far:eth0", "sw1:4" ], wire: { rate: 100mbit, limit: 1000 } }
LAB
U=http://10.5.0.2

get() { # curl ARGUMENTS: status in $code, body in $S/b, the conversation in $S/v
	rm -f "$S/b"
	code=$(on cl curl -sS -v --max-time 15 -o "$S/b" -w '%{http_code}' "$@" 2>"$S/v")
	tr -d '\r' <"$S/v" >"$S/v2" && mv "$S/v2" "$S/v"
}
gives() { # TEXT CODE curl ARGUMENTS
	local text=$1 want=$2
	shift 2
	get "$@"
	same "$text: $want" "$code" "$want"
}
head_has() { # TEXT REGEX...
	local text=$1 regex
	shift
	for regex; do
		has "$text: $regex" "$S/v" "^< $regex"
	done
}
body_is() { # TEXT FILE
	check "$1" cmp "$S/b" "$2"
}

# --- GET, HEAD, errors ---
gives "GET /" 200 $U/
head_has "GET /" 'Content-Type: text/html' 'Content-Length: [0-9]+$' 'ETag: "' 'Accept-Ranges: bytes' \
	'Date: [A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT$' 'Last-Modified: Sun, 02 Feb 2020 02:02:02 GMT$'
body_is "the page" "$S/www/index.html"
etag=$(sed -n 's/^< ETag: //p' "$S/v")
gives "an image" 200 $U/pixel.png
head_has "an image" 'Content-Type: image/png'
gives "an empty file" 200 $U/zero.txt
head_has "an empty file" 'Content-Length: 0$' 'Content-Type: text/plain'
gives "HEAD" 200 -I $U/numbers.txt
head_has "HEAD" 'Content-Length: 5000$'
gives "no such page" 404 $U/nothing.html
gives "HEAD of no page" 404 -I $U/nothing.html
gives "a directory without its slash" 301 $U/dir
head_has "a directory" 'Location: (http://10\.5\.0\.2)?/dir/$'
gives "followed" 200 -L $U/dir
body_is "its page" "$S/www/dir/index.html"
gives "percent encoding" 200 "$U/%74wo%2ehtml"
gives "a query" 200 "$U/two.html?x=1&y=2"
gives "dots that stay inside" 200 --path-as-is "$U/dir/../two.html"
gives "dots that lead out" 404 --path-as-is "$U/../../../etc/passwd"
gives "the same, encoded" 404 --path-as-is "$U/%2e%2e/%2e%2e/%2e%2e/etc/passwd"
gives "an unknown method" 501 -X BREW $U/
gives "DELETE where it is not allowed" 405 -X DELETE $U/two.html
head_has "405" 'Allow: .*GET'
gives "OPTIONS" 200 -X OPTIONS $U/two.html
head_has "OPTIONS" 'Allow: .*GET.*HEAD'
gives "OPTIONS *" 200 -X OPTIONS --request-target '*' $U
gives "CONNECT" 405 -X CONNECT --request-target 10.5.0.9:443 $U
gives "a target too long" 414 "$U/$(head -c 9000 /dev/zero | tr '\0' a)"
gives "a field too long" 431 -H "X: $(head -c 40000 /dev/zero | tr '\0' a)" $U/
gives "HTTP/1.0" 200 -0 $U/two.html
body_is "its page" "$S/www/two.html"
head_has "HTTP/1.0" 'Connection: close$'
gives "an upgrade to HTTP/2 that is not wanted" 200 --http2 $U/two.html
body_is "the page all the same" "$S/www/two.html"

# --- ranges, conditions ---
gives "the first 10 octets" 206 -r 0-9 $U/numbers.txt
head_has "the first 10 octets" 'Content-Range: bytes 0-9/5000$' 'Content-Length: 10$'
same "are they" "$(cat "$S/b")" "0001 0002 "
gives "from 4990 on" 206 -r 4990- $U/numbers.txt
same "are they" "$(cat "$S/b")" "0999 1000 "
gives "the last 5" 206 -r -5 $U/numbers.txt
same "are they" "$(cat "$S/b")" "1000 "
gives "beyond the end" 416 -r 6000- $U/numbers.txt
head_has "beyond the end" 'Content-Range: bytes \*/5000$'
gives "several ranges: all" 200 -r 0-1,5-6 $U/numbers.txt
gives "not modified, by tag" 304 -H "If-None-Match: $etag" $U/
same "has no body" "$(cat "$S/b" 2>/dev/null | wc -c)" 0
gives "another tag" 200 -H 'If-None-Match: "other"' $U/
gives "not modified, by date" 304 -z '1 Jan 2021' $U/
gives "modified since" 200 -z '1 Jan 2019' $U/
gives "If-Match" 412 -H 'If-Match: "other"' $U/
gives "If-Range holds" 206 -H "If-Range: $etag" -r 0-5 $U/
gives "If-Range does not hold" 200 -H 'If-Range: "other"' -r 0-5 $U/

# --- authentication ---
gives "protected" 401 $U/secret/page.txt
head_has "protected" 'WWW-Authenticate: Basic realm="[^"]*"'
gives "with the password" 200 -u ann:lab $U/secret/page.txt
body_is "the secret" "$S/www/secret/page.txt"
gives "with another" 401 -u ann:wrong $U/secret/page.txt
gives "curl asks first" 200 --anyauth -u ann:lab $U/secret/page.txt

# --- PUT, POST, DELETE ---
gives "PUT" 201 -T "$S/body" $U/up/new.bin
head_has "curl was told to go on" 'HTTP/1.1 100'
gives "PUT again" 204 -T "$S/body" $U/up/new.bin
gives "and back" 200 $U/up/new.bin
body_is "is the same" "$S/body"
get -T - $U/up/chunked.bin
code=$(on cl sh -c "curl -sS -o $S/b -w '%{http_code}' -T - $U/up/chunked.bin <$S/body")
same "PUT in chunks: 201" "$code" 204
gives "and back" 200 $U/up/chunked.bin
body_is "is the same" "$S/body"
gives "PUT elsewhere" 405 -T "$S/body" $U/two.html
gives "DELETE" 204 -X DELETE $U/up/new.bin
gives "gone" 404 $U/up/new.bin
gives "POST to a directory" 201 --data-binary "@$S/body" $U/up/
location=$(sed -n 's/^< Location: //p' "$S/v")
gives "where it says" 200 "$U${location#"$U"}"
body_is "is what was sent" "$S/body"
gives "POST of a form" 201 -d 'name=Ann+Lee%21' $U/guest
has "into a page" "$S/b" '1 guests, POST from 10\.5\.0\.10.*|<li>Ann Lee!</li>'
gives "POST in chunks" 201 -H 'Transfer-Encoding: chunked' -d 'name=Bob' $U/guest
has "into the page" "$S/b" '<li>Bob</li>'
gives "POST where nothing takes it" 405 -d x=1 $U/two.html
head -c 1500000 /dev/zero >"$S/much"
gives "too much" 413 -T "$S/much" $U/up/much.bin
gives "too much, unasked" 413 -H 'Expect:' -T "$S/much" $U/up/much.bin
gives "an expectation nobody knows" 417 -H 'Expect: 200-maybe' $U/

# --- connections ---
gives "two pages" 200200 $U/ -o "$S/b2" $U/two.html
has "on one connection" "$S/v" 'Re-using existing connection'
gives "errors keep it too" 404200 $U/nothing -o "$S/b2" $U/two.html
has "errors keep it too" "$S/v" 'Re-using existing connection'
sum=$(md5sum <"$S/www/big.bin")
same "20 MB" "$(on far curl -sS --max-time 20 $U/big.bin | md5sum)" "$sum"
on far curl -sS --max-time 25 -Z $U/big.bin -o "$S/b1" $U/big.bin -o "$S/b2" $U/two.html -o "$S/b3" $U/numbers.txt -o "$S/b4" 2>/dev/null
same "four at a time: first" "$(md5sum <"$S/b1")" "$sum"
same "second" "$(md5sum <"$S/b2")" "$sum"
check "third" cmp "$S/b3" "$S/www/two.html"
same "the end of 20 MB" "$(on far curl -sS -r -1000 $U/big.bin | md5sum)" "$(tail -c 1000 "$S/www/big.bin" | md5sum)"

# --- wget ---
mkdir -m 777 "$S/wget"
check "wget" on cl sh -c "cd $S/wget && wget -nv -S $U/numbers.txt"
check "its file" cmp "$S/wget/numbers.txt" "$S/www/numbers.txt"
head -c 2000 "$S/www/numbers.txt" >"$S/wget/numbers.txt"
on cl sh -c "cd $S/wget && wget -S -c $U/numbers.txt" >"$S/a" 2>&1
has "wget -c continues" "$S/a" '206 Partial Content'
check "the whole file" cmp "$S/wget/numbers.txt" "$S/www/numbers.txt"
on cl sh -c "cd $S/wget && wget -S -N $U/numbers.txt" >"$S/a" 2>&1
has "wget -N has it already" "$S/a" '304 Not Modified'
check "wget --spider" on cl wget -nv --spider $U/two.html
check "wget -r" on cl sh -c "cd $S/wget && wget -nv -r -l 2 -nH $U/"
check "a page of the directory" cmp "$S/wget/dir/index.html" "$S/www/dir/index.html"
check "wget with a password" on cl wget -nv -O "$S/b" --user ann --password lab $U/secret/page.txt
body_is "the secret" "$S/www/secret/page.txt"
check "wget posts" on cl wget -nv -O "$S/b" --post-data 'name=Cy' $U/guest

# --- what people type ---
typed() { # TEXT REQUEST (printf) -> $S/a
	printf "$1" >"$S/request"
	on far socat -t 4 -T 4 - TCP:10.5.0.2:80 <"$S/request" 2>&1 | tr -d '\r' >"$S/a"
}
refused() { # TEXT CODE REQUEST
	typed "$3"
	has "$1: $2" "$S/a" "^HTTP/1\.1 $2 "
}
H='Host: x\r\n'
typed "GET /two.html HTTP/1.1\r\n${H}\r\nGET /zero.txt HTTP/1.1\r\n${H}\r\nHEAD /numbers.txt HTTP/1.1\r\n${H}\r\nGET /nothing HTTP/1.1\r\n${H}Connection: close\r\n\r\n"
same "four requests at once are answered in order" "$(sed -n 's|^HTTP/1.1 \([0-9]*\).*|\1|p' "$S/a" | xargs)" "200 200 200 404"
typed "POST /guest HTTP/1.1\r\n${H}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 6\r\n\r\nname=DGET /two.html HTTP/1.1\r\n${H}Connection: close\r\n\r\n"
same "a body and the next request" "$(sed -n 's|^HTTP/1.1 \([0-9]*\).*|\1|p' "$S/a" | xargs)" "201 200"
typed "GET http://10.5.0.2/two.html HTTP/1.1\r\n${H}Connection: close\r\n\r\n"
has "a target in absolute form" "$S/a" '^<html>two</html>'
typed '\r\nGET /two.html HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
has "an empty line before the request" "$S/a" '^HTTP/1\.1 200 '
typed 'GET /two.html HTTP/1.0\r\n\r\n'
has "HTTP/1.0 needs no Host" "$S/a" '^HTTP/1\.1 200 '
refused "no Host" 400 'GET / HTTP/1.1\r\n\r\n'
typed 'GET /two.html HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n'
has "an empty Host is no missing one" "$S/a" '^HTTP/1\.1 200 '
refused "two Hosts" 400 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'
refused "length and chunks" 400 "POST /guest HTTP/1.1\r\n${H}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
refused "two lengths" 400 "POST /guest HTTP/1.1\r\n${H}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"
refused "a length that is none" 400 "POST /guest HTTP/1.1\r\n${H}Content-Length: -5\r\n\r\nhello"
refused "a space before the colon" 400 "GET / HTTP/1.1\r\nHost : x\r\n\r\n"
refused "a folded line" 400 "GET / HTTP/1.1\r\n${H}A: b\r\n  c\r\n\r\n"
refused "a bad chunk" 400 "POST /guest HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"
refused "an unknown coding" 501 "POST /guest HTTP/1.1\r\n${H}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
refused "no request at all" 400 'hello\r\n\r\n'
refused "a bad percent" 400 "GET /%%zz HTTP/1.1\r\n${H}\r\n"
refused "NUL in the path" 400 "GET /a%%00b HTTP/1.1\r\n${H}\r\n"
refused "another major version" 505 "GET / HTTP/3.0\r\n${H}\r\n"
refused "HTTP/2 out of the blue" 505 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
begin=$SECONDS
on far socat -u -T 15 TCP:10.5.0.2:80 - </dev/null >"$S/a" 2>&1
check "who says nothing is not waited for" [ $((SECONDS - begin)) -le 8 ]

# --- an application server behind it ---
gives "nobody behind" 502 $U/app/page.txt
start nginx app nginx -c "$S/nginx.conf" -e stderr
behind() { get $U/app/page.txt && [ "$code" = 200 ]; }
check "nginx behind" await 10 behind
body_is "its page" "$S/app/page.txt"
gives "its error" 404 $U/app/nothing
gives "its redirect" 302 $U/app/moved
gives "its answer in chunks" 200 $U/app/chunked
has "is put together" "$S/b" '^one GET two$'
gives "a POST for it" 200 --data-binary "@$S/body" $U/app/echo
has "with its body" "$S/b" '^POST 300000'

for rule in http.server.get-html-found http.server.get-html-missing http.server.get-unauthorized \
	http.server.not-modified http.server.range http.server.path-escape http.server.post-ok \
	http.server.bad-request http.server.expect-continue http.server.too-large http.server.version \
	http.server.script http.server.app-server; do
	check "$rule was taken" [ "$(taken $rule)" -gt 0 ]
done
# Nobody was behind at first. What far sent was wrong on purpose. On a busy machine the kernel sends a FIN
# twice; the second acknowledgement then meets a connection that both have ended, and is answered by a
# reset without ACK (RFC 9293 section 3.10.7.1).
after_the_end="tcp.flags == 0x004 and tcp.completeness & 16"
judge "cl app" "tcp.flags.reset == 1 and ip.src == 10.5.0.3"
judge far "tcp.options.sack or http or ($after_the_end)"
verdict
