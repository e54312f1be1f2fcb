#!/bin/bash
# HTTPS: our server with curl, wget, openssl and Python, our browser with nginx and openssl; both
# with whoever cannot, or is not whom they say; decisions against what tshark reads with the session keys.
. "$(dirname "$0")/lib" || exit 1
need curl wget openssl nginx python3 socat

mkdir -p "$S/www" "$S/site" "$S/tmp"
chmod 777 "$S/tmp"
printf '<h1>over TLS</h1>\n' >"$S/www/index.html"
printf 'two\n' >"$S/www/two.txt"
head -c 400000 /dev/urandom >"$S/www/big.bin"
head -c 200000 /dev/urandom >"$S/body"
printf 'from nginx\n' >"$S/site/index.html"
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
	ssl_certificate /etc/ssl/lab.pem;
	ssl_certificate_key /etc/ssl/lab.pem;
	server {
		listen 10.7.0.3:443 ssl;
		ssl_protocols TLSv1.2 TLSv1.3;
		root $S/site;
		location = /who { default_type text/plain; return 200 "\$ssl_protocol \$ssl_server_name \$http_referer.\n"; }
	}
	server {
		listen 10.7.0.3:8443 ssl;
		ssl_protocols TLSv1.2;
		location = /who { default_type text/plain; return 200 "\$ssl_protocol \$ssl_server_name \$http_referer.\n"; }
	}
	server { listen 10.7.0.3:80; return 301 https://web\$request_uri; }
}
CONF
page="files: www, config: \"ip http secure-server"

lab interop-https <<LAB
name: interop-https
seed: 47
topology:
  nodes:
    sw1: { kind: switch }
    www:
      kind: server
      files: www
      config: |
        interface eth0
         ip address 10.7.0.2 255.255.255.0
        ip http server
        ip http secure-server
        ip http secure-name www.lab.test
        ip http writable up
        ip http app-server app https://10.7.0.3/
        ip http timeout-policy idle 5
    web: { kind: linux, config: "interface eth0\n ip address 10.7.0.3 255.255.255.0" }
    old: { kind: server, $page\nip http secure-certificate expired\ninterface eth0\n ip address 10.7.0.5 255.255.255.0" }
    self: { kind: server, $page\nip http secure-certificate self-signed\ninterface eth0\n ip address 10.7.0.6 255.255.255.0" }
    alien: { kind: server, $page\nip http secure-certificate foreign\ninterface eth0\n ip address 10.7.0.7 255.255.255.0" }
    pc:
      kind: pc
      config: |
        interface eth0
         ip address 10.7.0.10 255.255.255.0
        ip host www.lab.test 10.7.0.2
        ip host other.lab.test 10.7.0.2
        ip host web 10.7.0.3
        ip http client response timeout 5
    cl: { kind: linux, config: "interface eth0\n ip address 10.7.0.11 255.255.255.0" }
    far: { kind: linux, config: "interface eth0\n ip address 10.7.0.12 255.255.255.0" }
  links:
    - { name: www, endpoints: [ "www:eth0", "sw1:1" ] }
    - { name: web, endpoints: [ "web:eth0", "sw1:2" ] }
    - { name: old, endpoints: [ "old:eth0", "sw1:3" ] }
    - { name: self, endpoints: [ "self:eth0", "sw1:4" ] }
    - { name: alien, endpoints: [ "alien:eth0", "sw1:5" ] }
    - { name: pc, endpoints: [ "pc:eth0", "sw1:6" ] }
    - { name: cl, endpoints: [ "cl:eth0", "sw1:7" ] }
    - { name: far, endpoints: [ "far:eth0", "sw1:8" ], wire: { delay: 1ms } }
LAB
U=https://10.7.0.2
on cl socat -u -T 14 TCP:10.7.0.2:443 - </dev/null >"$S/silent" 2>&1 &
silent=$!

start nginx web nginx -c "$S/nginx.conf" -e stderr
start s_server web openssl s_server -quiet -www -no_tls1_3 -cert /etc/ssl/lab.pem -accept 4433
start old_server web openssl s_server -quiet -www -tls1_1 -cipher ALL:@SECLEVEL=0 -cert /etc/ssl/lab.pem -accept 4434

# --- decisions and the packets they are tied to ---
# tshark with the keys says in which frame a request ends and an answer begins; ours are counted as the log
# has them.
keys() { # curl ARGUMENTS: from far
	on far env SSLKEYLOGFILE="$S/keys" curl -sS --max-time 15 -o /dev/null "$@"
}
frames() { # FILTER
	timeout 20 labctl --lab "$lab_name" capture www -w "$S/www.pcapng" >/dev/null 2>&1
	tshark -n -r "$S/www.pcapng" -o "tls.keylog_file:$S/keys" -Y "$1" -T fields -e frame.number 2>/dev/null | xargs
}
ours() { # TABLE, WHERE: places of its packets on the link, in order
	labctl --lab "$lab_name" --json sql "SELECT DISTINCT (SELECT count(*) FROM packets q WHERE q.link = 'www' AND q.id <= p.id) AS n
		FROM $1 JOIN packets p ON p.id = t.packet WHERE p.link = 'www' AND $2 ORDER BY 1" | grep -o '[0-9]*' | xargs
}
check "three requests, TLS 1.3" keys $U/ -o /dev/null $U/two.txt -o /dev/null $U/nothing
check "three requests, TLS 1.2" keys --tls-max 1.2 $U/ -o /dev/null $U/two.txt -o /dev/null $U/nothing
check "TLS 1.2 with another cipher" keys --tls-max 1.2 --ciphers ECDHE-ECDSA-CHACHA20-POLY1305 $U/ -o /dev/null $U/two.txt
same "each answer's decision names its packet" \
	"$(ours 'sent t' "t.decision IN (SELECT id FROM decisions WHERE device = 'www' AND protocol = 'http')")" "$(frames http.response)"
labctl --lab "$lab_name" --json sql "SELECT info FROM packets WHERE link = 'www' AND protocol = 'TLS' ORDER BY id" |
	grep -o '"info":"[^"]*"' | cut -d'"' -f4 >"$S/infos"
tshark -n -r "$S/www.pcapng" -Y tls -T fields -e _ws.col.Info 2>/dev/null >"$S/wanted"
check "the log names records as tshark does" cmp "$S/infos" "$S/wanted"
check "all of them" [ "$(wc -l <"$S/infos")" -gt 20 ]
head -c 40000 "$S/body" >"$S/b40"
check "a body of several records" keys -T "$S/b40" $U/up/a -o /dev/null $U/two.txt
check "many octets, then a page" keys $U/big.bin -o /dev/null $U/two.txt
same "each request's decision names its packet" "$(ours 'decisions t' "t.rule = 'http.server.gate' AND t.packet NOT IN
	(SELECT packet FROM decisions WHERE rule = 'http.server.expect-continue')")" "$(frames 'http.request.method == "GET"')"

# --- curl, wget, openssl, Python ---
gives() { # TEXT CODE curl ARGUMENTS
	local text=$1 want=$2
	shift 2
	rm -f "$S/b"
	same "$text: $want" "$(on cl curl -sS --max-time 15 -o "$S/b" -w '%{http_code}' "$@" 2>"$S/err")" "$want"
}
gives "curl trusts the lab" 200 $U/
check "the page" cmp "$S/b" "$S/www/index.html"
gives "by name" 200 --resolve www.lab.test:443:10.7.0.2 https://www.lab.test/two.txt
gives "another name" 000 --resolve x.lab.test:443:10.7.0.2 https://x.lab.test/
has "another name" "$S/err" 'no alternative certificate subject name matches'
gives "400 kB" 200 $U/big.bin
check "are the same" cmp "$S/b" "$S/www/big.bin"
gives "a range of them" 206 -r 100000-299999 $U/big.bin
check "is right" cmp "$S/b" <(tail -c +100001 "$S/www/big.bin" | head -c 200000)
gives "PUT" 201 -T "$S/body" $U/up/new
gives "and back" 200 $U/up/new
check "is the same" cmp "$S/b" "$S/body"
gives "four at a time" 200200200200 -Z $U/big.bin -o "$S/b2" $U/big.bin -o "$S/b3" $U/ -o "$S/b4" $U/two.txt
check "are right" cmp "$S/b2" "$S/www/big.bin"
gives "HTTP too" 200 http://10.7.0.2/two.txt
check "wget (GnuTLS)" on cl wget -nv -O "$S/b" $U/big.bin
check "its file" cmp "$S/b" "$S/www/big.bin"
check "Python" on cl python3 -c "import urllib.request as u; assert u.urlopen('$U/two.txt').read() == b'two\n'"
on cl sh -c "echo | openssl s_client -connect 10.7.0.2:443 -verify_ip 10.7.0.2 -verify_return_error" >"$S/a" 2>&1
has "openssl s_client" "$S/a" 'Verify return code: 0 \(ok\)'
on cl sh -c "echo | openssl s_client -connect 10.7.0.2:443 -tls1_1 -cipher ALL:@SECLEVEL=0" >"$S/a" 2>&1
has "TLS 1.1 is refused with an alert" "$S/a" 'alert protocol version'
on cl sh -c "echo | openssl s_client -connect 10.7.0.2:443 -tls1_2 -cipher ECDHE-ECDSA-AES256-SHA384" >"$S/a" 2>&1
has "a cipher without AEAD is refused" "$S/a" 'alert handshake failure'
gives "curl does not trust the world's" 000 https://10.7.0.7/
has "a foreign CA" "$S/err" 'unable to get local issuer certificate'
gives "nor what has expired" 000 https://10.7.0.5/
has "expired" "$S/err" 'certificate has expired'

# --- who is no client of HTTPS ---
says() { # TEXT (printf) -> $S/a in hex
	printf "$1" | on cl socat -t 3 -T 3 - TCP:10.7.0.2:443 2>/dev/null | od -An -tx1 | tr -d ' \n' >"$S/a"
}
says 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
same "plain HTTP gets an alert" "$(cat "$S/a")" 1503030002020a
says 'what is this?\r\n'
same "so does a stranger" "$(cut -c1-6 "$S/a")" 150303
# SSL 3.0's hello, and one in the form of SSL 2.0.
says '\x16\x03\x00\x00\x2d\x01\x00\x00\x29\x03\x000123456789abcdef0123456789abcdef\x00\x00\x02\x00\x2f\x01\x00'
check "so does SSL 3.0" grep -q '^15030' "$S/a"
says '\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80\x02\x00\x80\x03\x00\x80\x04\x00\x80\x05\x00\x80\x06\x00\x400123456789abcdef'
check "so does SSL 2.0" grep -q '^15030' "$S/a"
says '\x16\x03\x01\xff\xff\x01\x00'
check "so does a record of 64 kB" grep -q '^15030' "$S/a"

# --- our browser ---
http() { # WORDS... -> output in $S/a, status in $code
	run pc "http $*" >"$S/a" 2>&1
	code=$?
}
shows() { # TEXT REGEX WORDS...
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
serves() { run pc "http get $1"; }
check "nginx serves" await 10 serves https://web/
check "openssl serves" await 10 serves https://web:4433/
gives "an application behind our server, asked over HTTPS" 200 $U/app/who
has "is nginx" "$S/b" '^TLSv1\.3 '
shows "nginx" '^from nginx$' reload https://web/
shows "TLS 1.3 and SNI" '^TLSv1\.3 web \.$' get https://web/who
shows "by address, without SNI" '^TLSv1\.3  \.$' get https://10.7.0.3/who
shows "redirected from http" '^TLSv1\.3 web ' get http://10.7.0.3/who
shows "TLS 1.2" '^TLSv1\.2 web \.$' get https://web:8443/who
shows "openssl s_server" 'Ciphers supported in s_server' get https://web:4433/
fails "http where https is meant" 'https:// may be meant' get http://10.7.0.2:443/
shows "our own server" '<h1>over TLS</h1>' get https://www.lab.test/
fails "another name" 'is for www, www\.lab\.test, 10\.7\.0\.2, not for other\.lab\.test' get https://other.lab.test/
fails "expired" 'the certificate expired on 2001-01-01' get https://10.7.0.5/
fails "signed by itself" "signed by itself, not by the lab's CA" get https://10.7.0.6/
fails "signed by another CA" "Lab CA [0-9a-f]{4}, which is not the lab's CA" get https://10.7.0.7/
fails "a server that knows TLS 1.1" '^Secure Connection Failed$' get https://web:4434/
fails "a server of plain HTTP" 'no TLS' get https://10.7.0.2:80/
fails "nobody" '^Server Reset Connection$' get https://10.7.0.3:444/

wait "$silent"
for reason in 'it speaks plain HTTP%' 'what it sends is no TLS%' '%no version of TLS that is safe%' \
	'no cipher that both sides know%' 'the peer refuses:%unknown ca%' 'no handshake in 10 s'; do
	check "dropped: $reason" is_true "SELECT count(*) > 0 AS n FROM decisions
		WHERE rule = 'http.https.drop-bad-handshake' AND json_extract(\"values\", '$.reason') LIKE '$reason'"
done
for rule in http.https.same http.https.certificate http.https.sni http.https.client-verify http.https.client-failed; do
	check "$rule was taken" [ "$(taken $rule)" -gt 0 ]
done

judge "www pc web" "tls.alert_message or tcp.flags.reset == 1 or _ws.expert.message contains \"over encrypted port\""
verdict
