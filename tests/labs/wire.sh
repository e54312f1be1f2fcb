#!/bin/bash
# A wire does to each frame what the lab file asks, on both carriers, writes it on the frame's row, and
# loses nothing else: rows and gaps agree with what the devices' own interfaces counted.
. "$(dirname "$0")/lablib" || exit 1
peer=$PWD/tests/labs/wire_peer

# name, what the wire does, and what is sent over it: datagrams, payload, burst, pause in us
features() {
	cat <<'LIST'
plain | | 1000 100 10 1000
delay | delay: 10ms | 500 100 5 1000
jitter | delay: 20ms, jitter: 10ms | 100 100 1 10000
loss | loss: 20% | 2000 100 10 1000
twice | duplicate: 25% | 2000 100 10 1000
order | delay: 50ms, reorder: 20% | 2000 100 5 1000
harm | corrupt: 20% | 2000 100 10 1000
slow | rate: 8mbit | 100 958 100 200000
short | rate: 8mbit, limit: 20 | 100 958 100 50000
ways | a-to-b: { loss: 100% }, b-to-a: { delay: 30ms } | 100 100 10 1000
cut | | 20 100 10 1000
LIST
}

lab() { # CARRIER
	local n=0 name what traffic
	echo "name: wire"
	echo "seed: 11"
	echo "topology:"
	echo "  nodes:"
	for d in a b; do
		echo "    $d:"
		echo "      kind: server"
		echo "      config: |"
		n=0
		features | while IFS='|' read -r name what traffic; do
			n=$((n + 1))
			echo "        interface eth$((n - 1))"
			echo "         ip address 10.0.$n.$([ $d = a ] && echo 1 || echo 2) 255.255.255.0"
		done
	done
	echo "  links:"
	features | while IFS='|' read -r name what traffic; do
		n=$((n + 1))
		what=${what%% }
		echo "    - name: $name"
		echo "      endpoints: [ \"a:eth$((n - 1))\", \"b:eth$((n - 1))\" ]"
		echo "      wire: { carrier: $1${what:+, }${what# } }"
	done
}

plan() { # HOST [NAME]: lines for wire_peer, the last one over the perfect wire
	local n=0 name what traffic
	features | while IFS='|' read -r name what traffic; do
		n=$((n + 1))
		name=${name% }
		if [ $# -eq 1 ] && [ "$name" != cut ] || [ "${2:-}" = "$name" ]; then
			echo "10.0.$n.$1 ${traffic# }"
		fi
	done
	echo "10.0.1.$1 1 100 1 0"
}

in_device() { # DEVICE COMMAND...
	local device=$1
	shift
	timeout 40 labctl --lab wire exec "$device" -- "$@"
}

# Known for good, so that only what is sent on purpose is on the wires.
know_each_other() {
	local device other
	for device in a b; do
		other=$([ $device = a ] && echo b || echo a)
		sql wire "SELECT 'ip neigh replace 10.0.' || (1 + substr(i.name, 4)) || '.' || CASE d.name WHEN 'a' THEN 1 ELSE 2 END
			|| ' lladdr ' || i.mac || ' dev ' || i.name || ' nud permanent'
			FROM interface i JOIN device d ON d.id = i.device WHERE d.name = '$other'" >"$work/neigh"
		in_device $device sh -e <"$work/neigh" || fail "neighbours of $device"
	done
}

# traffic FROM TO HOST FILE [NAME]
traffic() {
	rm -f "$4.ready"
	in_device "$2" "$peer" recv "$4" &
	until_true 10 test -e "$4.ready" || fail "the receiver in $2 does not start"
	plan "$3" ${5:-} | in_device "$1" "$peer" send || fail "the sender in $1"
	wait $! || fail "the receiver in $2 did not get the last datagram"
}

is() { # ANSWER QUESTION WHY
	local answer
	answer=$(sql wire "ATTACH '$work/got.db' AS got; $2") || fail "$carrier: $3: the question cannot be asked"
	[ "$answer" = "$1" ] || fail "$carrier: $3: expected $1, got $answer"
}

# What is asked about frames of a link: from a, the whole length in octets.
frames() { # LINK [LENGTH]
	echo "(SELECT p.*, f.sender FROM packet p JOIN flow f ON f.id = p.flow WHERE f.link = '$1' AND f.sender = 'a' AND p.length = ${2:-142})"
}

# share LINK BIT PERCENT: the number of frames with that fate is within 4.5 standard deviations (1 in 100,000).
share() {
	is 1 "SELECT abs(sum(fate & $2 > 0) - n * $3 / 100.0) <= 4.5 * sqrt(n * $3 / 100.0 * (1 - $3 / 100.0))
		FROM $(frames "$1"), (SELECT count(*) AS n FROM $(frames "$1") WHERE coalesce(fate, 0) & 2 = 0)" "$1: not $3 % of the frames"
}

# decided RULE BIT: the wires' decisions are as many as the frames with that fate; many a second share a row.
decided() {
	is 1 "SELECT sum(count) = (SELECT sum(fate & $2 > 0) FROM packet) FROM decisions WHERE rule = '$1'" "$1: a decision for each frame"
}

number_of() { # LINK: its third octet
	features | grep -n "^$1 " | cut -d: -f1
}

# Every frame that left the wire was received by the program, once; and no other.
arrived() {
	local name what traffic n=0
	while IFS='|' read -r name what traffic; do
		n=$((n + 1))
		is 1 "SELECT (SELECT count(*) FROM got WHERE way = 'ab' AND link = $n) = count(*) FROM $(frames ${name% } $(($(echo $traffic | cut -d' ' -f2) + 42)))
			WHERE coalesce(fate, 0) & (1 | 8 | 16 | 32) = 0" "${name% }: received is not what the wire carried"
	done < <(features)
}

checks() {
	is "plain=nothing, short=rate 8000000bit/s limit 20, twice=duplicate 25%, ways=loss 100%; back: delay 30ms" \
		"SELECT group_concat(name || '=' || coalesce(wire, 'nothing'), ', ') FROM link
		WHERE name IN ('plain', 'short', 'twice', 'ways')" "the links' rows"
	is "1003|0" "SELECT count(*), sum(fate IS NOT NULL) FROM $(frames plain)" "plain: a perfect wire"
	is 1 "SELECT count(*) = 1000 AND sum(n = at) = 1000 FROM (SELECT n, row_number() OVER (ORDER BY rowid) - 1 AS at FROM got WHERE way = 'ab' AND link = 1 LIMIT 1000)" "plain: the order"

	is 1 "SELECT sum(age < 100000000) > 500 FROM got WHERE way = 'ab' AND link = 1" "plain: a wire moves frames as soon as the lab is up"

	is "500|1" "SELECT count(*), min(delay_ns) >= 10000000 AND sum(delay_ns > 12000000) < 50 FROM $(frames delay)" "delay: 10 ms on the rows"
	is 1 "SELECT min(age) >= 10000000 AND sum(age < 100000000) > 250 FROM got WHERE way = 'ab' AND link = $(number_of delay)" "delay: 10 ms as the receiver sees it"

	is "100|1" "SELECT count(*), min(delay_ns) BETWEEN 10000000 AND 15000000 AND max(delay_ns) BETWEEN 25000000 AND 40000000 FROM $(frames jitter)" "jitter: from 10 to 30 ms"
	is 0 "SELECT count(*) FROM (SELECT n < lag(n) OVER (ORDER BY rowid) AS late FROM got WHERE way = 'ab' AND link = $(number_of jitter)) WHERE late" "jitter: no frame overtakes"

	share loss 1 20
	decided wire.drop-lost 1
	is 0 "SELECT count(*) FROM $(frames loss) WHERE fate & 1 AND delay_ns" "loss: a lost frame does not arrive"

	share twice 2 25
	is 1 "SELECT count(*) > 400 AND count(*) = sum(copy = first) FROM (SELECT fate, hex(b.bytes) AS copy, lag(hex(b.bytes)) OVER (ORDER BY p.id) AS first
		FROM $(frames twice) p JOIN packet_bytes b ON b.packet = p.id) WHERE fate & 2" "twice: a copy has the same octets"

	share order 4 20
	is 1 "SELECT min(delay_ns) >= 50000000 FROM $(frames order) WHERE coalesce(fate, 0) & 4 = 0" "order: the others are delayed"
	is 1 "SELECT max(delay_ns) < 50000000 FROM $(frames order) WHERE fate & 4" "order: who overtakes is not"
	is "1|0" "SELECT sum(n < before) > 200, sum(due < due_before - 20000000) FROM (SELECT g.n, max(g.n) OVER (ORDER BY g.rowid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before, due, lag(due) OVER (ORDER BY g.rowid) AS due_before
		FROM got g JOIN (SELECT row_number() OVER (ORDER BY id) - 1 AS n, time_ns + delay_ns AS due FROM $(frames order)) w ON w.n = g.n
		WHERE g.way = 'ab' AND g.link = $(number_of order))" "order: frames arrive in the order that the rows tell"

	share harm 8 20
	is 1 "SELECT sum(fate & 8 > 0) = sum(note & 2048 > 0 OR malformed IS NOT NULL) FROM $(frames harm)" "harm: a turned bit shows"
	is 1 "SELECT sum(count) = (SELECT sum(fate & 8 > 0) FROM packet) FROM decisions WHERE rule LIKE 'kernel.%.drop-bad-checksum' OR rule = 'kernel.ip.drop-malformed'" "harm: the receiver's kernel drops it, and that is told"

	is "100|1" "SELECT count(*), max(due) - min(due) BETWEEN 98900000 AND 110000000 FROM (SELECT time_ns + delay_ns AS due FROM $(frames slow 1000))" "slow: a frame of 1000 octets takes 1 ms at 8 Mbit/s, or more where the sender was held up"
	is 1 "SELECT max(age) >= 90000000 AND count(*) = 100 FROM got WHERE way = 'ab' AND link = $(number_of slow)" "slow: as the receiver sees it"

	is 1 "SELECT count(*) = 100 AND sum(fate & 16 > 0) BETWEEN 60 AND 80 AND max(CASE WHEN coalesce(fate, 0) & 16 = 0 THEN delay_ns END) <= 21000000 FROM $(frames short 1000)" "short: 20 frames wait, the others find the queue full"
	decided wire.drop-queue-full 16

	is "100|100" "SELECT count(*), sum(fate & 1) FROM $(frames ways)" "ways: all lost from a to b"
	is "100|1" "SELECT count(*), min(delay_ns) >= 30000000 AND sum(fate IS NOT NULL) = 0 FROM packet p JOIN flow f ON f.id = p.flow
		WHERE f.link = 'ways' AND f.sender = 'b' AND p.length = 142" "ways: delayed from b to a"
	is "100|1" "SELECT count(*), min(age) >= 30000000 FROM got WHERE way = 'ba' AND link = $(number_of ways)" "ways: as a sees it"

	is "40|20" "SELECT count(*), sum(fate & 32 > 0) FROM $(frames cut)" "cut: what is sent into it is a row"
	decided wire.drop-link-down 32
	arrived
}

# Rows and gaps of each link and direction against the interfaces of both ends.
counted() {
	is "" "SELECT c.device || ':' || c.interface || ' sent ' || c.tx || ', rows and gaps ' || (
			(SELECT count(*) FROM packets p WHERE p.sender = c.device AND p.sender_interface = c.interface AND coalesce(p.fate, '') NOT LIKE '%duplicate%')
			+ (SELECT coalesce(sum(missing), 0) FROM capture_gap g JOIN way w ON w.id = g.way
				WHERE g.what = 'frames' AND w.sender = c.device AND w.sender_interface = c.interface)) AS told
		FROM got.counter c WHERE told <> c.device || ':' || c.interface || ' sent ' || c.tx || ', rows and gaps ' || c.tx" "what was sent is rows and gaps"
	is "" "SELECT c.device || ':' || c.interface || ' got ' || c.rx || ', rows ' || count(p.id) AS told
		FROM got.counter c LEFT JOIN packets p ON p.receiver = c.device AND p.receiver_interface = c.interface
			AND coalesce(p.fate, '') NOT LIKE '%lost%' AND coalesce(p.fate, '') NOT LIKE '%queue-drop%' AND coalesce(p.fate, '') NOT LIKE '%link-down%'
		GROUP BY c.device, c.interface HAVING count(p.id) <> c.rx" "what was received is rows"
}

# got.db: what programs and interfaces of the devices saw.
gather() {
	local d
	rm -f "$work/got.db"
	sqlite3 "$work/got.db" "CREATE TABLE got (way TEXT, link INTEGER, n INTEGER, age INTEGER);
		CREATE TABLE counter (device TEXT, interface TEXT, rx INTEGER, tx INTEGER)"
	{
		sed 's/^/ab\t/' "$work/ab" "$work/ab2"
		sed 's/^/ba\t/' "$work/ba"
	} >"$work/all"
	sqlite3 "$work/got.db" ".mode tabs" ".import $work/all got"
	for d in a b; do
		in_device $d cat /proc/net/dev | awk -v d=$d 'sub(/^ *eth/, "eth") { sub(/:/, " "); print d "\t" $1 "\t" $3 "\t" $11 + $13 }'
	done >"$work/counters"
	sqlite3 "$work/got.db" ".mode tabs" ".import $work/counters counter"
}

# What the wires did, frame by frame: the same on both carriers, since it is drawn by seed and conversation.
fates() {
	local link
	for link in loss twice order harm; do
		sql wire "SELECT coalesce(fate, 0) FROM $(frames $link) ORDER BY id"
	done | md5sum
}

try_features() {
	lab "$carrier" >"$work/wire.yaml"
	up wire "$work/wire.yaml"
	know_each_other
	traffic a b 2 "$work/ab"
	traffic b a 1 "$work/ba" ways
	timeout 20 labctl --lab wire link cut down || fail "link down"
	traffic a b 2 "$work/ab2" cut
	timeout 20 labctl --lab wire link cut up || fail "link up"
	traffic a b 2 "$work/ab3" cut
	cat "$work/ab3" >>"$work/ab2"
	sync_lab wire
	gather
	timeout 40 labctl down wire >/dev/null || fail "down"
	is 0 "SELECT count(*) FROM capture_gap" "there are gaps"
	checks
	counted
	fates >"$work/fates.$carrier"
}

tcp() { # LINK: octets in 2.5 s
	in_device b "$peer" tcp-recv 80 >"$work/tcp" &
	until_true 10 grep -q ready "$work/tcp" || fail "the TCP receiver does not start"
	in_device a "$peer" tcp-send "10.0.$1.2" 80 2.5 || fail "the TCP sender"
	wait $!
	tail -n 1 "$work/tcp"
}

# 10 ms each way do not cost throughput, but for the start; the log is on.
try_tcp() {
	local near far
	lab "$carrier" | sed '1s/$/\nlog: { payload: headers }/' >"$work/tcp.yaml"
	up wire "$work/tcp.yaml"
	near=$(tcp 1)
	far=$(tcp "$(number_of delay)")
	timeout 60 labctl down wire >/dev/null || fail "down"
	[ $((far * 100)) -ge $((near * 40)) ] || fail "$carrier: TCP carried $near octets without delay, $far with 10 ms"
}

carriers=ring
if (: <>/dev/net/tun) 2>/dev/null; then
	carriers="ring tap"
else
	left_out="; not the TAP carrier: /dev/net/tun is not open to this user"
fi
for carrier in $carriers; do
	try_features
	try_tcp
done
[ "$carriers" = ring ] || cmp -s "$work/fates.ring" "$work/fates.tap" || fail "the two carriers draw differently"
echo "all a wire does, on carrier $carriers${left_out:-}"
