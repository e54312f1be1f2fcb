#!/bin/bash
# Two runs of one lab with one seed: conversations without TCP are the same frame by frame; those with TCP
# have the same ports and carry the same messages in the same order; the wire lost, doubled and spoiled the
# same frames. Another seed draws otherwise. Not compared is what the kernel draws by itself as time passes:
# the IP identification, and when it asks for a neighbour (ARP).
. "$(dirname "$0")/lablib" || exit 1

mkdir "$work/www"
seq 4000 >"$work/www/numbers.txt"
cat >"$work/seed.yaml" <<'YAML'
name: seed
seed: 42
epoch: 2026-01-01T08:00:00Z
topology:
  nodes:
    r1:
      kind: router
      config: |
        interface eth0
         ip address 10.0.0.1 255.255.255.0
        interface eth1
         ip address 10.0.1.1 255.255.255.0
        ip dhcp excluded-address 10.0.0.1 10.0.0.99
        ip dhcp pool LAN
         network 10.0.0.0 255.255.255.0
         default-router 10.0.0.1
         dns-server 10.0.1.2
    sw: { kind: switch }
    pc1: { kind: pc, config: "interface eth0\n ip address dhcp" }
    pc2: { kind: pc, config: "interface eth0\n ip address dhcp" }
    pc3: { kind: pc, config: "interface eth0\n ip address dhcp" }
    srv:
      kind: server
      files: www
      config: |
        interface eth0
         ip address 10.0.1.2 255.255.255.0
        ip default-gateway 10.0.1.1
        ip dns server
        ip dns primary seed.test soa srv.seed.test admin.seed.test
        ip host srv.seed.test 10.0.1.2
        ip http server
  links:
    - endpoints: [ "pc1:eth0", "sw:1" ]
    - endpoints: [ "pc2:eth0", "sw:2" ]
    - endpoints: [ "pc3:eth0", "sw:3" ]
    - endpoints: [ "r1:eth0", "sw:4" ]
    - name: line
      endpoints: [ "r1:eth1", "srv:eth0" ]
      wire: { delay: 2ms, jitter: 1ms, loss: 12%, duplicate: 8%, corrupt: 5% }
YAML

# Frames without TCP, conversation by conversation (of two stations on a link), with all their octets but the IP header's
# identification and checksum. (12 octets in front, then the header from 14 on.)
frames="
SELECT p.link, min(p.src_mac, p.dst_mac), max(p.src_mac, p.dst_mac), p.ip_proto, min(p.src, p.dst), max(p.src, p.dst),
	min(p.src_port, p.dst_port), max(p.src_port, p.dst_port), p.sender, p.length,
	p.fate, p.protocol, p.info,
	CASE WHEN p.src LIKE '%.%' THEN
		hex(substr(bytes, at + 1, 18)) || hex(substr(bytes, at + 21, 4)) || hex(substr(bytes, at + 27, p.length - 26))
		ELSE hex(substr(bytes, at + 1, p.length)) END
FROM packets p JOIN (SELECT packet.id, bytes_at & 65535 AS at, bytes FROM packet
	JOIN packet_block b ON b.id = bytes_at >> 16) USING (id)
WHERE p.ip_proto IS NOT 6 AND p.protocol IS NOT 'ARP'
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, p.id"

# The messages that devices read from TCP and wrote to it, by what they decided about each.
messages="SELECT device, rule, sentence FROM decisions WHERE rule LIKE 'http%' ORDER BY device, id"

connections="SELECT DISTINCT link, src, src_port, dst, dst_port FROM flow WHERE ip_proto = 6 ORDER BY link, id"

macs="SELECT d.name, i.name, i.mac FROM interface i JOIN device d ON d.id = i.device ORDER BY i.id"

fates="SELECT ip_proto, src, dst, fate, info FROM packets
WHERE link = 'line' AND fate IS NOT NULL AND ip_proto IS NOT 6 AND protocol IS NOT 'ARP' ORDER BY 1, 2, 3, id"

run_lab() { # FILE OUT
	up seed "$1"
	until_true 30 have_leases || fail "no leases: $(labctl --lab seed run pc1 ipconfig)"
	{
		timeout 60 labctl --lab seed run pc1 ping 10.0.1.2 6
		timeout 60 labctl --lab seed run pc2 nslookup srv.seed.test
		timeout 60 labctl --lab seed run pc2 ping srv.seed.test 4
		timeout 60 labctl --lab seed run pc1 http get http://srv.seed.test/numbers.txt
		timeout 60 labctl --lab seed run pc3 http get http://srv.seed.test/nothing.txt
	} | sed 's/time=.*//; s/= [0-9]*ms//g' >"$2.said"
	timeout 30 labctl down seed >/dev/null || fail "down"
	sql seed "$frames" >"$2.frames"
	sql seed "$messages" >"$2.messages"
	sql seed "$connections" >"$2.connections"
	sql seed "$macs" >"$2.macs"
	sql seed "$fates" >"$2.fates"
	[ "$(sql seed 'SELECT count(*) FROM capture_gap')" = 0 ] || echo "run $2 has gaps: $(sql seed 'SELECT * FROM capture_gap')"
}

have_leases() {
	[ "$(sql seed "SELECT count(*) FROM dhcp4_client_lease WHERE until IS NULL" 2>/dev/null)" = 3 ]
}

run_lab "$work/seed.yaml" "$work/a"
run_lab "$work/seed.yaml" "$work/b"
sed 's/^seed: 42/seed: 43/' "$work/seed.yaml" >"$work/other.yaml"
run_lab "$work/other.yaml" "$work/c"

[ "$(wc -l <"$work/a.frames")" -gt 100 ] || fail "only $(wc -l <"$work/a.frames") frames to compare"
[ "$(wc -l <"$work/a.fates")" -gt 5 ] || fail "the wire did too little to compare: $(cat "$work/a.fates")"
grep -q 'sent the file /numbers.txt' "$work/a.messages" && grep -q 'answered 404' "$work/a.messages" ||
	fail "the messages are not what they should be: $(cat "$work/a.messages")"
for what in macs frames fates connections messages said; do
	diff "$work/a.$what" "$work/b.$what" >"$work/diff" || fail "$what of two runs differ: $(cut -c 1-300 "$work/diff" | head -20)"
done
for what in macs frames fates connections; do
	cmp -s "$work/a.$what" "$work/c.$what" && fail "$what are the same with another seed"
done
echo "the same: $(wc -l <"$work/a.frames") frames, $(wc -l <"$work/a.fates") of them treated by the wire," \
	"$(wc -l <"$work/a.messages") decisions about HTTP messages"
