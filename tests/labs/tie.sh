#!/bin/bash
# Each decision is tied to the very packet that caused it: identical retransmissions, duplicates, broadcast,
# three hops, fragments, shortened payloads, streams by their offsets; and never to a frame that was lost.
. "$(dirname "$0")/lablib" || exit 1

mkdir "$work/www"
echo first >"$work/www/first.html"
seq 3000 >"$work/www/second.txt"
cat >"$work/tie.yaml" <<'YAML'
name: tie
seed: 3
topology:
  nodes:
    pc1: { kind: pc, config: "interface eth0\n ip address dhcp" }
    pc2: { kind: pc, config: "interface eth0\n ip address dhcp" }
    near: { kind: server, config: "service echo\ninterface eth0\n ip address 10.0.0.5 255.255.255.0" }
    sw: { kind: switch }
    r1:
      kind: router
      config: |
        interface gi0/0
         ip address 10.0.0.1 255.255.255.0
         ip helper-address 10.0.2.10
        interface gi0/1
         ip address 10.0.1.1 255.255.255.0
        ip route 10.0.2.0 255.255.255.0 10.0.1.2
    r2:
      kind: router
      config: |
        interface gi0/0
         ip address 10.0.1.2 255.255.255.0
        interface gi0/1
         ip address 10.0.2.1 255.255.255.0
        ip route 10.0.0.0 255.255.255.0 10.0.1.1
    srv:
      kind: server
      files: www
      config: |
        service echo
        interface eth0
         ip address 10.0.2.10 255.255.255.0
        ip default-gateway 10.0.2.1
        ip dhcp excluded-address 10.0.0.1 10.0.0.19
        ip dhcp pool FLOOR
         network 10.0.0.0 255.255.255.0
         default-router 10.0.0.1
        ip http server
  links:
    - name: one
      endpoints: [ "pc1:eth0", "sw:1" ]
    - name: twice
      endpoints: [ "pc2:eth0", "sw:2" ]
      wire: { duplicate: 100% }
    - name: near
      endpoints: [ "near:eth0", "sw:3" ]
    - name: up
      endpoints: [ "r1:gi0/0", "sw:4" ]
    - name: lossy
      endpoints: [ "r1:gi0/1", "r2:gi0/0" ]
      wire: { delay: 3ms, loss: 25% }
    - name: far
      endpoints: [ "r2:gi0/1", "srv:eth0" ]
YAML

# is ANSWER QUESTION WHY
is() {
	local answer
	answer=$(sql tie "$2") || fail "$3: the question cannot be asked"
	[ "$answer" = "$1" ] || fail "$log: $3: expected $1, got $answer"
}

leased() {
	[ "$(sql tie "SELECT count(*) FROM dhcp4_client_lease WHERE until IS NULL" 2>/dev/null)" = 2 ]
}

udp() { # DEVICE ADDRESS PORT COMMANDS: with 3 as the connection
	timeout 20 labctl --lab tie exec "$1" -- bash -c "exec 3<>/dev/udp/$2/$3; $4"
}

traffic() {
	# Identical: one socket, one content. Each is answered, so that the third is not lost either.
	udp pc1 10.0.0.5 7 'for i in 1 2 3; do printf same >&3; sleep 0.05; done'
	udp pc1 10.0.0.5 7 'for i in 1 2 3 4 5; do printf quick >&3; done; sleep 0.1'
	udp pc2 10.0.0.5 7 'printf doubled >&3; sleep 0.1'
	udp pc1 10.0.0.5 7 'head -c 4000 /dev/zero | tr "\0" f >&3; sleep 0.1'
	udp pc1 10.0.2.10 7 'for i in {1..40}; do printf far >&3; sleep 0.01; done; sleep 0.1'
	timeout 60 labctl --lab tie exec pc1 -- curl -s -m 50 http://10.0.2.10/first.html http://10.0.2.10/second.txt >"$work/page"
}

checks() {
	# Whatever was received by a node: on a link of its own, not later than the decision, not lost.
	is 0 "SELECT count(*) FROM decisions d JOIN packets p ON p.id = d.packet
		WHERE NOT d.inferred AND p.receiver IS NOT d.device" "a decision is tied to a packet that another device got"
	is 0 "SELECT count(*) FROM decisions d JOIN packets p ON p.id = d.packet
		WHERE NOT d.inferred AND p.time_ns > d.time_ns" "a decision is tied to a packet that came after it"
	is 0 "SELECT count(*) FROM decisions d JOIN packets p ON p.id = d.packet
		WHERE NOT d.inferred AND p.fate LIKE '%lost%'" "a decision is tied to a packet that was lost"
	is 0 "SELECT count(*) FROM decision WHERE packet IS NULL AND no_packet IS NULL" "a decision without a packet has no reason"
	is 0 "SELECT count(*) FROM sent s JOIN decisions d ON d.id = s.decision JOIN packets p ON p.id = s.packet
		WHERE NOT d.inferred AND p.sender IS NOT d.device" "what was sent is tied to another device's packet"
	is 0 "SELECT count(*) FROM sent WHERE packet IS NULL AND no_packet IS NULL" "a packet that was not found has no reason"

	# Identical datagrams: as many decisions, in the order of the packets, no two of one packet.
	for how in "same 3 46" "quick 5 47"; do
		set -- $how
		is "$2|$2|1" "SELECT count(*), count(DISTINCT d.packet), sum(d.packet > before) = $2 - 1
			FROM (SELECT packet, lag(packet) OVER (ORDER BY id) AS before FROM decisions
				WHERE device = 'near' AND rule = 'echo.server.reply' AND sentence LIKE 'sent ${#1} octets%') d
			JOIN packets p ON p.id = d.packet WHERE p.length = $3 AND p.link = 'near'" "$1: identical datagrams"
		is "$2" "SELECT count(DISTINCT s.packet) FROM sent s JOIN decisions d ON d.id = s.decision JOIN packets p ON p.id = s.packet
			WHERE d.device = 'near' AND d.sentence LIKE 'sent ${#1} octets%' AND p.link = 'near' AND p.sender = 'near'
			AND p.id > d.packet" "$1: the answers to identical datagrams"
	done

	# A duplicate is a packet of its own; so is what was decided about it.
	is "2|2" "SELECT count(*), count(DISTINCT packet) FROM decisions
		WHERE device = 'near' AND rule = 'echo.server.reply' AND sentence LIKE 'sent 7 %'" "a doubled datagram"
	is 2 "SELECT count(*) FROM packets WHERE link = 'twice' AND sender = 'pc2' AND length = 49 AND ip_proto = 17" "both of a doubled datagram are rows"
	is 1 "SELECT count(*) FROM packets WHERE link = 'twice' AND sender = 'pc2' AND length = 49 AND fate = 'duplicate'" "one of them is the copy"

	# A broadcast is on many links: the relay means the one on its own.
	is 1 "SELECT count(DISTINCT p.link) = 1 AND min(p.link) = 'up' AND count(*) >= 2 FROM decisions d JOIN packets p ON p.id = d.packet
		WHERE d.device = 'r1' AND d.rule = 'dhcp4.relay.forward' AND p.dst = '255.255.255.255'" "a broadcast"
	is 0 "SELECT count(*) FROM decisions d JOIN packets p ON p.id = d.packet
		WHERE d.device IN ('pc1', 'pc2') AND NOT d.inferred AND p.link NOT IN ('one', 'twice')" "a client's packets"

	# Three hops: the relay's request on lossy and far, the server's decision on far.
	is 1 "SELECT count(*) >= 2 FROM sent s JOIN decisions d ON d.id = s.decision JOIN packets p ON p.id = s.packet
		WHERE d.device = 'r1' AND d.rule = 'dhcp4.relay.forward' AND p.link = 'lossy' AND p.sender = 'r1'" "what the relay sent"
	is 1 "SELECT count(*) >= 2 AND count(*) = sum(p.link = 'far' AND p.receiver = 'srv') FROM decisions d JOIN packets p ON p.id = d.packet
		WHERE d.device = 'srv' AND d.rule LIKE 'dhcp4.server.%' AND NOT d.inferred AND p.protocol = 'DHCP'" "what the server got over two routers"

	# A datagram in fragments is known by its first.
	is "1|1514|near" "SELECT count(*), p.length, p.link FROM decisions d JOIN packets p ON p.id = d.packet
		WHERE d.device = 'near' AND d.sentence LIKE 'sent 4000 %' AND p.note LIKE '%fragment%' AND p.info LIKE '%off=0%'" "a datagram in fragments"
	is "1514|near" "SELECT p.length, p.sender FROM sent s JOIN decisions d ON d.id = s.decision JOIN packets p ON p.id = s.packet
		WHERE d.device = 'near' AND d.sentence LIKE 'sent 4000 %' AND p.info LIKE '%off=0%'" "the answer in fragments"

	# Over the lossy line: a decision for each that came, none for those that did not.
	is 1 "SELECT (SELECT count(*) FROM packets WHERE link = 'lossy' AND sender = 'r1' AND length = 45 AND dst_port = 7 AND fate LIKE '%lost%') >= 3"		"the line lost something"
	is 1 "SELECT count(*) = count(DISTINCT packet) AND count(*) = (SELECT count(*) FROM packets
			WHERE link = 'far' AND sender = 'r2' AND length = 45 AND dst_port = 7)
		FROM decisions WHERE device = 'srv' AND rule = 'echo.server.reply'" "a decision for each datagram that came over the lossy line"

	# Two requests of one connection: each at its own segment; and the answer to the second is not the first's.
	is "2|2" "SELECT count(*), count(DISTINCT d.packet) FROM decisions d JOIN packets p ON p.id = d.packet
		WHERE d.device = 'srv' AND d.rule = 'http.server.gate' AND p.link = 'far' AND p.payload > 0" "two requests of one stream"
	is 2 "SELECT count(*) FROM decisions d JOIN packets p ON p.id = d.packet WHERE d.device = 'srv' AND
		(d.rule = 'http.server.get-html-found' AND (p.info LIKE '%GET /first.html%' OR p.note LIKE '%retransmission%') OR
		 d.rule = 'http.server.get-other-file' AND (p.info LIKE '%GET /second.txt%' OR p.note LIKE '%retransmission%'))" "each request's own segment"
}

for log in full headers; do
	sed "1s/.*/name: tie\nlog: { payload: $log }/" "$work/tie.yaml" >"$work/$log.yaml"
	up tie "$work/$log.yaml"
	until_true 60 leased || fail "no leases"
	traffic
	grep -qx first "$work/page" || fail "the page did not come: $(head -c 100 "$work/page")"
	timeout 40 labctl down tie >/dev/null || fail "down"
	is 0 "SELECT count(*) FROM capture_gap WHERE what <> 'payload'" "there are gaps"
	checks
done
is 1 "SELECT count(captured) > 50 FROM packet" "payloads were shortened"
echo "every decision and its packet, with payloads and without"
