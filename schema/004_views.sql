-- What a person asks first. `time` is what the lab's clocks showed; time_ns counts from the lab's epoch.
-- What is seldom asked for is a question of its own: a join would be looked up for every packet that is counted.
CREATE VIEW packets AS
SELECT p.id,
	strftime('%H:%M:%S', ((SELECT epoch_ns FROM lab) + p.time_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', ((SELECT epoch_ns FROM lab) + p.time_ns) % 1000000000 / 1000) AS time,
	p.time_ns,
	p.time_ns + (SELECT offset_ns FROM packet_run WHERE id = p.run) AS wall_ns,
	f.link,
	f.sender, w.sender_interface, f.receiver, w.receiver_interface,
	p.protocol,
	f.src, f.src_port, f.dst, f.dst_port, f.src_mac, f.dst_mac,
	p.length,
	p.info,
	(SELECT group_concat(name, ' ') FROM packet_fate WHERE p.fate & bit) AS fate,
	p.delay_ns,
	p.malformed,
	(SELECT group_concat(name, ' ') FROM packet_note WHERE p.note & bit) AS note,
	p.flow, f.conversation, f.ip_proto,
	(SELECT ttl FROM packet_run WHERE id = p.run) AS ttl,
	(SELECT tos FROM packet_run WHERE id = p.run) AS tos,
	p.payload
FROM packet p
JOIN flow f ON f.id = p.flow
LEFT JOIN way w ON w.id = f.way; -- left out of a list that asks for none of its columns

-- Who decided what, why, and because of which packet.
CREATE VIEW decisions AS
SELECT d.id,
	strftime('%H:%M:%S', (lab.epoch_ns + d.time_ns) / 1000000000, 'unixepoch')
		|| printf('.%06d', (lab.epoch_ns + d.time_ns) % 1000000000 / 1000) AS time,
	d.time_ns,
	device.name AS device,
	rule.name AS rule,
	rule.protocol,
	rule.kind,
	d.sentence,
	d.count,
	d.packet,
	d.no_packet,
	rule.inferred,
	rule.source,
	d."values"
FROM decision d
JOIN rule ON rule.id = d.rule
LEFT JOIN device ON device.id = d.device
CROSS JOIN lab;

-- Each packet with what its receiver (or the wire) decided because of it; where nobody told of a
-- decision, which layer it is that cannot be seen.
CREATE VIEW explained AS
SELECT p.id AS packet, p.time, p.time_ns, p.link, p.sender, p.receiver, p.protocol, p.src, p.dst, p.info,
	p.fate, d.device, d.rule, d.kind,
	coalesce(d.sentence, CASE
		WHEN p.fate LIKE '%lost%' OR p.fate LIKE '%queue-drop%' OR p.fate LIKE '%link-down%' THEN 'it never arrived'
		WHEN p.ip_proto = 6 AND p.payload = 0 THEN 'the kernel''s TCP of ' || p.receiver || ' took it; a segment without data is not decided about'
		WHEN p.ip_proto = 6 THEN 'the kernel''s TCP of ' || p.receiver || ' took it; what it carries is decided about as whole messages'
		WHEN p.ip_proto = 17 THEN 'the kernel''s UDP of ' || p.receiver || ' took it; no program there told of it'
		WHEN p.ip_proto IN (1, 58) THEN 'the kernel''s ICMP of ' || p.receiver || ' took it'
		WHEN p.protocol = 'ARP' THEN 'the kernel''s ARP of ' || p.receiver || ' took it'
		ELSE 'the kernel of ' || p.receiver || ' took it; what it did with it cannot be seen' END) AS sentence
FROM packets p
LEFT JOIN decisions d ON d.packet = p.id;

-- Who holds, or held, which address: the DHCP servers' own word. until NULL: still.
CREATE VIEW leases AS
SELECT l.device, l.addr AS address, l.mac, l.hostname, l.state, l.pool,
	strftime('%H:%M:%S', (lab.epoch_ns + l.since) / 1000000000, 'unixepoch') AS since_time,
	strftime('%H:%M:%S', (lab.epoch_ns + l.until) / 1000000000, 'unixepoch') AS until_time,
	l.since AS since, l.until AS until, l.packet
FROM dhcp4_lease l
CROSS JOIN lab;

-- What went missing on the way, and who says so.
CREATE VIEW drops AS
SELECT d.time, d.time_ns, coalesce(d.device, 'the wire') AS device, d.rule, d.sentence, d.count, d.packet
FROM decisions d
WHERE d.kind = 'drop' OR d.rule LIKE 'wire.%';
