-- The three windows of a packet analyser: list, details, octets. All join on the packet's id.

-- Wireshark's packet list, link by link.
CREATE VIEW packet_list AS
SELECT f.link,
	row_number() OVER (PARTITION BY f.link ORDER BY p.id) AS number,
	(p.time_ns - min(p.time_ns) OVER (PARTITION BY f.link)) / 1e9 AS time,
	coalesce(CASE WHEN f.ip_proto IS NOT NULL THEN f.src END, f.src_mac) AS source,
	coalesce(CASE WHEN f.ip_proto IS NOT NULL THEN f.dst END, f.dst_mac) AS destination,
	p.protocol, p.length, p.info, f.sender, f.receiver, p.id AS packet
FROM packet p
JOIN flow f ON f.id = p.flow;

-- The octets of a packet, and as text: offset, sixteen in hexadecimal, the same as ASCII.
CREATE VIEW packet_bytes AS
SELECT p.id AS packet, p.length, coalesce(p.captured, p.length) AS kept,
	p.length - CASE WHEN p.bytes_at IS NULL THEN 0 ELSE coalesce(p.captured, p.length) END AS missing,
	substr(b.bytes, (p.bytes_at & 65535) + 1, coalesce(p.captured, p.length)) AS bytes,
	(WITH RECURSIVE line (at, hex) AS (
		SELECT 0, hex(substr(b.bytes, (p.bytes_at & 65535) + 1, coalesce(p.captured, p.length)))
		UNION ALL SELECT at + 16, hex FROM line WHERE (at + 16) * 2 < length(hex))
	SELECT group_concat(text, char(10)) FROM (
		SELECT printf('%04x  ', at) || (
			WITH RECURSIVE place (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM place WHERE i < 15)
			SELECT group_concat(CASE WHEN (at + i) * 2 < length(hex)
					THEN lower(substr(hex, (at + i) * 2 + 1, 2)) ELSE '  ' END, ' ')
				|| '  ' || group_concat(coalesce((SELECT ascii FROM octet o
					WHERE o.hex = substr(line.hex, (at + i) * 2 + 1, 2)), ''), '')
			FROM place) AS text
		FROM line ORDER BY at)) AS dump
FROM packet p
LEFT JOIN packet_block b ON b.id = p.bytes_at >> 16;

-- Where the headers of a packet lie: octets from the frame's beginning. Only frames with an Ethernet
-- type; a VLAN tag moves everything by four.
CREATE VIEW packet_place AS
SELECT p.id AS packet, f.ether_type, f.ip_proto, f.vlan,
	CASE WHEN f.vlan IS NULL THEN 14 ELSE 18 END AS net,
	CASE f.ether_type
		WHEN 2048 THEN CASE WHEN f.vlan IS NULL THEN 14 ELSE 18 END
			+ 4 * ((SELECT n FROM octet WHERE hex = hex(substr(b.bytes, (p.bytes_at & 65535)
				+ CASE WHEN f.vlan IS NULL THEN 15 ELSE 19 END, 1))) & 15)
		WHEN 34525 THEN CASE WHEN f.vlan IS NULL THEN 54 ELSE 58 END END AS transport,
	hex(substr(b.bytes, (p.bytes_at & 65535) + 1, coalesce(p.captured, p.length))) AS hex
FROM packet p
JOIN flow f ON f.id = p.flow
JOIN packet_block b ON b.id = p.bytes_at >> 16;

-- Numbers and addresses in the headers: name, place after the layer's start, octets, how to show them.
CREATE TABLE header_field (
	n INTEGER PRIMARY KEY,
	layer TEXT NOT NULL,
	field TEXT NOT NULL,
	at INTEGER NOT NULL,
	length INTEGER NOT NULL,
	show TEXT NOT NULL -- number, hex, mac, ip4, ip6
) STRICT;
INSERT INTO header_field (layer, field, at, length, show) VALUES
	('Ethernet', 'Destination', 0, 6, 'mac'), ('Ethernet', 'Source', 6, 6, 'mac'), ('Ethernet', 'Type', 12, 2, 'hex'),
	('ARP', 'Hardware type', 0, 2, 'number'), ('ARP', 'Protocol type', 2, 2, 'hex'), ('ARP', 'Opcode', 6, 2, 'number'),
	('ARP', 'Sender MAC address', 8, 6, 'mac'), ('ARP', 'Sender IP address', 14, 4, 'ip4'),
	('ARP', 'Target MAC address', 18, 6, 'mac'), ('ARP', 'Target IP address', 24, 4, 'ip4'),
	('IPv4', 'Version and header length', 0, 1, 'hex'), ('IPv4', 'Differentiated Services Field', 1, 1, 'hex'),
	('IPv4', 'Total Length', 2, 2, 'number'), ('IPv4', 'Identification', 4, 2, 'hex'),
	('IPv4', 'Flags and Fragment Offset', 6, 2, 'hex'), ('IPv4', 'Time to Live', 8, 1, 'number'),
	('IPv4', 'Protocol', 9, 1, 'number'), ('IPv4', 'Header Checksum', 10, 2, 'hex'),
	('IPv4', 'Source Address', 12, 4, 'ip4'), ('IPv4', 'Destination Address', 16, 4, 'ip4'),
	('IPv6', 'Version, class and flow label', 0, 4, 'hex'), ('IPv6', 'Payload Length', 4, 2, 'number'),
	('IPv6', 'Next Header', 6, 1, 'number'), ('IPv6', 'Hop Limit', 7, 1, 'number'),
	('IPv6', 'Source Address', 8, 16, 'ip6'), ('IPv6', 'Destination Address', 24, 16, 'ip6'),
	('ICMP', 'Type', 0, 1, 'number'), ('ICMP', 'Code', 1, 1, 'number'), ('ICMP', 'Checksum', 2, 2, 'hex'),
	('UDP', 'Source Port', 0, 2, 'number'), ('UDP', 'Destination Port', 2, 2, 'number'),
	('UDP', 'Length', 4, 2, 'number'), ('UDP', 'Checksum', 6, 2, 'hex'),
	('TCP', 'Source Port', 0, 2, 'number'), ('TCP', 'Destination Port', 2, 2, 'number'),
	('TCP', 'Sequence Number (raw)', 4, 4, 'number'), ('TCP', 'Acknowledgment number (raw)', 8, 4, 'number'),
	('TCP', 'Header Length and Flags', 12, 2, 'hex'), ('TCP', 'Window', 14, 2, 'number'),
	('TCP', 'Checksum', 16, 2, 'hex'), ('TCP', 'Urgent Pointer', 18, 2, 'number');

-- The details of a packet, one row a field, in order: headers read from the octets, then the fields of
-- the message as its protocol's codec took it apart when it was logged (a flood of messages gets none).
CREATE VIEW packet_layers AS
SELECT packet, n, layer, field, value, offset, length
FROM (
	SELECT l.packet, h.n, l.layer, h.field, l.start + h.at AS offset, h.length,
		CASE h.show
		WHEN 'hex' THEN '0x' || lower(substr(l.hex, (l.start + h.at) * 2 + 1, h.length * 2))
		WHEN 'mac' THEN (WITH RECURSIVE i (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM i WHERE i < 5)
			SELECT group_concat(lower(substr(l.hex, (l.start + h.at + i) * 2 + 1, 2)), ':') FROM i)
		WHEN 'ip4' THEN (WITH RECURSIVE i (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM i WHERE i < 3)
			SELECT group_concat((SELECT o.n FROM octet o WHERE o.hex = substr(l.hex, (l.start + h.at + i) * 2 + 1, 2)), '.') FROM i)
		WHEN 'ip6' THEN (WITH RECURSIVE i (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM i WHERE i < 7)
			SELECT group_concat(lower(substr(l.hex, (l.start + h.at + 2 * i) * 2 + 1, 4)), ':') FROM i)
		ELSE (WITH RECURSIVE i (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM i WHERE i < h.length - 1)
			SELECT CAST(sum((SELECT o.n FROM octet o WHERE o.hex = substr(l.hex, (l.start + h.at + i) * 2 + 1, 2))
				<< (8 * (h.length - 1 - i))) AS TEXT) FROM i)
		END AS value
	FROM (
		SELECT packet, 'Ethernet' AS layer, 0 AS start, hex FROM packet_place
		UNION ALL SELECT packet, 'ARP', net, hex FROM packet_place WHERE ether_type = 2054
		UNION ALL SELECT packet, 'IPv4', net, hex FROM packet_place WHERE ether_type = 2048
		UNION ALL SELECT packet, 'IPv6', net, hex FROM packet_place WHERE ether_type = 34525
		UNION ALL SELECT packet, 'ICMP', transport, hex FROM packet_place WHERE ip_proto IN (1, 58)
		UNION ALL SELECT packet, 'UDP', transport, hex FROM packet_place WHERE ip_proto = 17
		UNION ALL SELECT packet, 'TCP', transport, hex FROM packet_place WHERE ip_proto = 6) l
	JOIN header_field h ON h.layer = l.layer AND (l.start + h.at + h.length) * 2 <= length(l.hex)
	UNION ALL
	SELECT x.packet, 1000 + x.n, p.protocol, x.field, x.offset, x.length, x.value
	FROM packet_field x JOIN packet p ON p.id = x.packet);

-- Names for addresses: devices of the lab by their link addresses and what they said in ARP, hosts by
-- DNS answers and by the name they gave in DHCP.
CREATE VIEW address_name AS
SELECT i.mac AS address, d.name AS name, 'device' AS source FROM interface i JOIN device d ON d.id = i.device
UNION
SELECT f.src, d.name, 'arp' FROM flow f JOIN interface i ON i.mac = f.src_mac JOIN device d ON d.id = i.device
WHERE f.ether_type = 2054 AND f.src <> '0.0.0.0'
UNION
SELECT value.value, name.value, 'dns'
FROM packet_field name
JOIN packet_field type ON type.packet = name.packet AND type.n = name.n + 1 AND type.value IN ('A', 'AAAA')
JOIN packet_field value ON value.packet = name.packet AND value.n = name.n + 5 AND value.field = 'Data'
WHERE name.field = 'Answer'
UNION
SELECT substr(mac.value, 1, 17), name.value, 'dhcp'
FROM packet_field name
JOIN packet_field mac ON mac.packet = name.packet AND mac.field = 'Client hardware address'
WHERE name.field = 'Option: (12) Host Name';
