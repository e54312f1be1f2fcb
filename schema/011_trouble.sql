-- What goes wrong, and what is slow. Messages are known by the words of their info line, which are
-- Wireshark's; thresholds stand in analysis_limit.

-- Requests and the first packet of their answers, by what matches them: a TCP connection's SYN and
-- SYN-ACK, identifiers where the protocol has one, else the turn in the conversation.
CREATE VIEW answers AS
WITH tcp AS (
	SELECT f.link, f.conversation, min(CASE WHEN p.tcp_flags & 18 = 2 THEN p.id END) AS request,
		min(CASE WHEN p.tcp_flags & 18 = 18 THEN p.id END) AS answer
	FROM packet p JOIN flow f ON f.id = p.flow WHERE p.tcp_flags & 2 GROUP BY f.link, f.conversation),
message AS (
	SELECT p.id, p.time_ns, p.flow, p.protocol, p.info, f.link, f.conversation, f.to_server, f.src, f.dst, f.dst_port,
		CASE WHEN p.protocol = 'DHCP' THEN 0 ELSE f.conversation END AS talk,
		CASE p.protocol
		WHEN 'DNS' THEN substr(p.info, instr(p.info, '0x'), 6)
		WHEN 'DHCP' THEN substr(p.info, instr(p.info, '0x'))
		WHEN 'RADIUS' THEN substr(p.info, instr(p.info, 'id='))
		ELSE substr(p.info, instr(p.info, 'id='), instr(p.info || ', ttl=', ', ttl=') - instr(p.info, 'id=')) END AS match,
		CASE p.protocol
		WHEN 'DNS' THEN p.info NOT LIKE 'Standard query response%'
		WHEN 'DHCP' THEN p.info GLOB 'DHCP [DRI]*' AND p.info NOT LIKE 'DHCP Release%' AND p.info NOT LIKE 'DHCP Decline%'
		WHEN 'RADIUS' THEN p.info GLOB '*-Request*'
		ELSE p.info LIKE 'Echo (ping) request%' END AS asks
	FROM packet p JOIN flow f ON f.id = p.flow
	WHERE p.protocol IN ('DNS', 'DHCP', 'RADIUS') OR (p.protocol IN ('ICMP', 'ICMPv6') AND p.info LIKE 'Echo (ping)%')),
matched AS (
	SELECT q.*, (SELECT min(a.id) FROM message a WHERE a.link = q.link AND a.talk = q.talk AND a.match = q.match
			AND a.protocol = q.protocol AND NOT a.asks AND a.id > q.id) AS answer
	FROM message q WHERE q.asks),
turn AS (
	SELECT p.id, p.time_ns, p.protocol, f.link, f.conversation, f.to_server, f.src, f.dst, f.dst_port,
		lag(f.to_server) OVER (PARTITION BY f.conversation ORDER BY p.id) AS before
	FROM packet p JOIN flow f ON f.id = p.flow
	WHERE p.payload > 0 AND f.to_server IS NOT NULL AND p.protocol NOT IN ('TCP', 'UDP', 'DNS', 'DHCP', 'RADIUS', 'RTP', 'RTCP', 'FTP-DATA')),
change AS (
	SELECT *, lead(id) OVER (PARTITION BY conversation ORDER BY id) AS next_id FROM turn WHERE to_server IS NOT before)
SELECT t.link, 'tcp' AS service, f.src AS client, f.dst AS server, f.dst_port AS port, t.request, t.answer, q.time_ns,
	(a.time_ns - q.time_ns) / 1e6 AS ms
FROM tcp t JOIN packet q ON q.id = t.request JOIN flow f ON f.id = q.flow LEFT JOIN packet a ON a.id = t.answer
UNION ALL
SELECT m.link, lower(CASE WHEN m.protocol = 'ICMPv6' THEN 'ICMP' ELSE m.protocol END), m.src, coalesce(af.src, m.dst), m.dst_port, m.id, m.answer,
	m.time_ns, (a.time_ns - m.time_ns) / 1e6
FROM matched m LEFT JOIN packet a ON a.id = m.answer LEFT JOIN flow af ON af.id = a.flow
WHERE m.answer IS NOT NULL OR m.protocol <> 'DHCP' OR m.flow IN (SELECT flow FROM first_hop)
UNION ALL
SELECT c.link, lower(c.protocol), c.src, c.dst, c.dst_port, c.id, c.next_id, c.time_ns, (a.time_ns - c.time_ns) / 1e6
FROM change c LEFT JOIN packet a ON a.id = c.next_id
WHERE c.to_server = 1;

-- p95 is the nearest rank. Unanswered requests are requests - answered and not in the average.
CREATE VIEW service_response_time AS
WITH ranked AS (
	SELECT a.*, row_number() OVER (PARTITION BY link, service, server ORDER BY ms IS NULL, ms) AS place,
		count(ms) OVER (PARTITION BY link, service, server) AS answered,
		(SELECT value FROM analysis_limit WHERE view = 'service_response_time'
			AND name = CASE WHEN a.service LIKE 'http%' THEN 'http' ELSE a.service END) AS limit_ms
	FROM answers a)
SELECT link, service, server, count(*) AS requests, max(answered) AS answered, round(avg(ms), 3) AS average_ms,
	round(max(CASE WHEN place = (95 * answered + 99) / 100 THEN ms END), 3) AS p95_ms, round(max(ms), 3) AS max_ms,
	max(limit_ms) AS limit_ms, sum(coalesce(ms > limit_ms, 0)) AS above
FROM ranked
GROUP BY link, service, server;

CREATE VIEW connection_problems AS
WITH opening AS (
	SELECT f.link, f.conversation, CASE f.to_server WHEN 1 THEN f.src ELSE f.dst END AS client,
		CASE f.to_server WHEN 1 THEN f.dst ELSE f.src END AS server,
		CASE f.to_server WHEN 1 THEN f.dst_port ELSE f.src_port END AS port,
		count(*) FILTER (WHERE p.tcp_flags & 18 = 2) AS syns, min(CASE WHEN p.tcp_flags & 18 = 2 THEN p.time_ns END) AS syn_ns,
		max(CASE WHEN p.tcp_flags & 18 = 2 THEN p.time_ns END) AS last_syn_ns,
		min(CASE WHEN p.tcp_flags & 18 = 18 THEN p.time_ns END) AS ack_ns, min(CASE WHEN p.tcp_flags & 4 THEN p.time_ns END) AS reset_ns
	FROM packet p JOIN flow f ON f.id = p.flow
	WHERE p.tcp_flags & 6
	GROUP BY f.link, f.conversation),
arp AS (
	SELECT p.id, p.time_ns, p.info LIKE 'Who has%' AS asks, f.link, f.src, f.dst, p.flow IN (SELECT flow FROM first_hop) AS first_hop
	FROM packet p JOIN flow f ON f.id = p.flow WHERE p.protocol = 'ARP'),
problem AS (
	SELECT link, 'refused' AS kind, client, server, port, reset_ns AS first_ns, reset_ns AS last_ns, 1 AS n
	FROM opening WHERE reset_ns IS NOT NULL AND ack_ns IS NULL AND syns > 0
	UNION ALL
	SELECT link, 'reset', client, server, port, reset_ns, reset_ns, 1 FROM opening WHERE reset_ns IS NOT NULL AND (ack_ns IS NOT NULL OR syns = 0)
	UNION ALL
	SELECT link, 'syn-retry', client, server, port, syn_ns, last_syn_ns, syns - 1 FROM opening WHERE syns > 1
	UNION ALL
	SELECT o.link, 'no-answer', client, server, port, syn_ns, syn_ns, 1
	FROM opening o JOIN link_start s ON s.link = o.link
	WHERE syns > 0 AND ack_ns IS NULL AND reset_ns IS NULL AND s.end_ns - syn_ns >= 1e9 *
		(SELECT value FROM analysis_limit WHERE view = 'connection_problems' AND name = 'no_answer_seconds')
	UNION ALL
	SELECT f.link, 'unreachable', f.dst, f.src, NULL, p.time_ns, p.time_ns, 1
	FROM packet p JOIN flow f ON f.id = p.flow WHERE p.protocol IN ('ICMP', 'ICMPv6') AND p.info LIKE 'Destination unreachable%'
	UNION ALL
	SELECT q.link, 'arp-unanswered', q.src, q.dst, NULL, q.time_ns, q.time_ns, 1
	FROM arp q
	WHERE q.asks AND q.first_hop AND q.src <> q.dst AND q.src <> '0.0.0.0' AND NOT EXISTS (SELECT 1 FROM arp a WHERE NOT a.asks
		AND a.link = q.link AND a.src = q.dst AND a.dst = q.src AND a.time_ns BETWEEN q.time_ns AND q.time_ns + 1000000000)
	UNION ALL
	SELECT f.link, 'dns-failure', f.dst, f.src, f.src_port, p.time_ns, p.time_ns, 1
	FROM packet p JOIN flow f ON f.id = p.flow
	WHERE p.protocol = 'DNS' AND p.info LIKE 'Standard query response 0x%' AND (substr(p.info, 32) LIKE 'No such name%'
		OR substr(p.info, 32) LIKE 'Refused%' OR substr(p.info, 32) LIKE 'Server failure%'
		OR substr(p.info, 32) LIKE 'Format error%' OR substr(p.info, 32) LIKE 'Not implemented%')
	UNION ALL
	SELECT a.link, 'dns-failure', a.client, a.server, a.port, a.time_ns, a.time_ns, 1
	FROM answers a JOIN link_start s ON s.link = a.link,
		(SELECT 1e9 * value AS patience FROM analysis_limit WHERE view = 'connection_problems' AND name = 'dns_seconds')
	WHERE a.service = 'dns' AND ((a.answer IS NULL AND s.end_ns - a.time_ns >= patience) OR a.ms * 1e6 > patience)
	UNION ALL
	SELECT f.link, 'login-failure', f.dst, f.src, f.src_port, p.time_ns, p.time_ns, 1
	FROM packet p JOIN flow f ON f.id = p.flow
	WHERE (p.protocol = 'FTP' AND p.info LIKE 'Response: 530%') OR (p.protocol = 'HTTP' AND p.info GLOB 'HTTP/1.[01] 401*')
		OR (p.protocol = 'RADIUS' AND p.info LIKE 'Access-Reject%')
		OR (p.protocol = 'POP' AND p.info LIKE 'S: -ERR%' AND EXISTS (SELECT 1 FROM packet c JOIN flow cf ON cf.id = c.flow
			WHERE cf.conversation = f.conversation AND c.id < p.id AND c.id > p.id - 20 AND c.info LIKE 'C: PASS%'))
	UNION ALL
	SELECT f.link, 'login-failure', f.src, f.dst, f.dst_port, d.time_ns, d.time_ns, d.count
	FROM decision d JOIN rule r ON r.id = d.rule JOIN packet p ON p.id = d.packet JOIN flow f ON f.id = p.flow
	WHERE r.protocol IN ('telnet', 'ssh', 'tacacs') AND (r.name LIKE '%login-fail%' OR r.name LIKE '%auth-fail%' OR r.name LIKE '%denied%'))
SELECT link, kind, client, server, port, sum(n) AS count, min(first_ns) AS first_ns, max(last_ns) AS last_ns
FROM problem
GROUP BY link, kind, client, server, port;

-- From the server's last octets to the client's next ones: thinking, or a slow client. People at
-- Telnet and SSH think by nature.
CREATE VIEW client_think_delays AS
WITH payload AS (
	SELECT p.id, p.time_ns, f.link, f.conversation, f.to_server, f.src AS client, f.dst AS server, f.dst_port AS port, p.protocol,
		lag(p.time_ns) OVER c AS before_ns, lag(f.to_server) OVER c AS before
	FROM packet p JOIN flow f ON f.id = p.flow
	WHERE p.tcp_flags IS NOT NULL AND p.payload > 0 AND coalesce(p.note, 0) & 1 = 0
	WINDOW c AS (PARTITION BY f.conversation ORDER BY p.id))
SELECT link, client, server, port, protocol AS application, id AS packet, (time_ns - before_ns) / 1e9 AS delay_s
FROM payload
WHERE to_server = 1 AND before = 0 AND port NOT IN (22, 23)
	AND time_ns - before_ns >= 1e9 * (SELECT value FROM analysis_limit WHERE view = 'client_think_delays' AND name = 'seconds')
	AND time_ns - before_ns < 1e9 * (SELECT value FROM analysis_limit WHERE view = 'client_think_delays' AND name = 'idle_seconds');

-- Crowding as the log marked it, what a wire's queue dropped, and round trips that rose.
CREATE VIEW congestion AS
WITH sample AS (
	SELECT f.link, f.conversation, f.src, f.dst, p.rtt_ns, p.time_ns,
		ntile(4) OVER (PARTITION BY f.conversation, f.id ORDER BY p.id) AS quarter, count(*) OVER (PARTITION BY f.conversation, f.id) AS n
	FROM packet p JOIN flow f ON f.id = p.flow WHERE p.rtt_ns IS NOT NULL)
SELECT f.link, f.src AS source, f.dst AS destination, n.name AS kind, count(*) AS count, min(p.time_ns) AS first_ns, max(p.time_ns) AS last_ns
FROM packet p JOIN flow f ON f.id = p.flow JOIN packet_note n ON p.note & n.bit AND n.bit IN (1, 2, 4, 8, 16, 32)
GROUP BY f.link, f.src, f.dst, n.name
UNION ALL
SELECT f.link, f.src, f.dst, 'queue-drop', count(*), min(p.time_ns), max(p.time_ns)
FROM packet p JOIN flow f ON f.id = p.flow WHERE p.fate & 16 GROUP BY f.link, f.src, f.dst
UNION ALL
SELECT link, dst, src, 'rtt-rise', count(*), min(time_ns), max(time_ns)
FROM sample
WHERE n >= (SELECT value FROM analysis_limit WHERE view = 'congestion' AND name = 'rtt_samples')
GROUP BY link, conversation, src, dst
HAVING avg(CASE WHEN quarter = 4 THEN rtt_ns END) > avg(CASE WHEN quarter = 1 THEN rtt_ns END)
		* (SELECT value FROM analysis_limit WHERE view = 'congestion' AND name = 'rtt_factor')
	AND avg(CASE WHEN quarter = 4 THEN rtt_ns END) - avg(CASE WHEN quarter = 1 THEN rtt_ns END)
		> 1e6 * (SELECT value FROM analysis_limit WHERE view = 'congestion' AND name = 'rtt_ms');

CREATE VIEW misconfigured_hosts AS
WITH arp AS (
	SELECT p.id, p.time_ns, p.info LIKE 'Who has%' AS asks, f.link, f.src, f.dst, f.src_mac, p.flow IN (SELECT flow FROM first_hop) AS first_hop
	FROM packet p JOIN flow f ON f.id = p.flow WHERE p.protocol = 'ARP'),
mask AS ( -- what DHCP says of the link's subnets; without it nobody knows a mask
	SELECT DISTINCT f.link, m.value AS mask, y.value AS address
	FROM packet_field m JOIN packet_field y ON y.packet = m.packet AND y.field = 'Your (client) IP address' AND y.value <> '0.0.0.0'
	JOIN packet p ON p.id = m.packet JOIN flow f ON f.id = p.flow
	WHERE m.field = 'Option: (1) Subnet Mask'),
net AS (
	SELECT DISTINCT link, CASE mask WHEN '255.255.255.0' THEN rtrim(address, '0123456789') || '*'
		WHEN '255.255.0.0' THEN rtrim(rtrim(rtrim(address, '0123456789'), '.'), '0123456789') || '*' END AS pattern FROM mask),
silent AS (
	SELECT q.link, q.src, q.dst, count(*) AS n, max(q.id) AS id, min(q.time_ns) AS first_ns, max(q.time_ns) AS last_ns
	FROM arp q WHERE q.asks AND q.first_hop AND q.src <> q.dst AND q.src <> '0.0.0.0'
		AND NOT EXISTS (SELECT 1 FROM arp a WHERE NOT a.asks AND a.link = q.link AND a.src = q.dst AND a.dst = q.src)
	GROUP BY q.link, q.src, q.dst),
gateway AS (
	SELECT DISTINCT f.link, g.value AS address FROM packet_field g JOIN packet p ON p.id = g.packet JOIN flow f ON f.id = p.flow
	WHERE g.field = 'Option: (3) Router')
SELECT link, src AS host, 'duplicate-address' AS problem, max(id) AS packet, NULL AS decision, min(time_ns) AS first_ns, max(time_ns) AS last_ns
FROM arp WHERE NOT asks GROUP BY link, src HAVING count(DISTINCT src_mac) > 1
UNION ALL
SELECT a.link, a.src, 'wrong-mask', max(a.id), NULL, min(a.time_ns), max(a.time_ns)
FROM arp a WHERE a.asks AND a.src <> '0.0.0.0' AND a.dst NOT GLOB '169.254.*'
	AND EXISTS (SELECT 1 FROM net n WHERE n.link = a.link AND n.pattern IS NOT NULL AND a.src GLOB n.pattern)
	AND NOT EXISTS (SELECT 1 FROM net n WHERE n.link = a.link AND (n.pattern IS NULL OR a.dst GLOB n.pattern))
GROUP BY a.link, a.src
UNION ALL
SELECT s.link, s.src, CASE WHEN EXISTS (SELECT 1 FROM gateway g WHERE g.link = s.link AND g.address = s.dst) THEN 'wrong-gateway' ELSE 'arp-unanswered' END,
	s.id, NULL, s.first_ns, s.last_ns
FROM silent s WHERE s.n >= (SELECT value FROM analysis_limit WHERE view = 'misconfigured_hosts' AND name = 'arp_requests')
UNION ALL
SELECT f.link, f.src, 'autoconfigured', max(p.id), NULL, min(p.time_ns), max(p.time_ns)
FROM packet p JOIN flow f ON f.id = p.flow
WHERE f.src GLOB '169.254.*' AND EXISTS (SELECT 1 FROM packet o JOIN flow fo ON fo.id = o.flow
	WHERE fo.link = f.link AND o.protocol = 'DHCP' AND (o.info LIKE 'DHCP Offer%' OR o.info LIKE 'DHCP ACK%'))
GROUP BY f.link, f.src
UNION ALL
SELECT a.link, a.client, 'wrong-dns', max(a.request), NULL, min(a.time_ns), max(a.time_ns)
FROM answers a WHERE a.service = 'dns' GROUP BY a.link, a.client, a.server
HAVING count(a.answer) = 0 AND count(*) >= (SELECT value FROM analysis_limit WHERE view = 'misconfigured_hosts' AND name = 'dns_queries')
UNION ALL
SELECT NULL, d.device, 'ntp-key', max(d.packet), max(d.id), min(d.time_ns), max(d.time_ns)
FROM decisions d WHERE d.rule IN ('ntp.client.drop-key-mismatch', 'ntp.client.drop-unauth-server',
	'ntp.client.drop-untrusted', 'ntp.client.drop-crypto-nak') GROUP BY d.device;

-- One source that tries many ports of a host, or many hosts, nearly all in vain; in a window that starts
-- at each of its packets.
CREATE VIEW scan_suspects AS
WITH probe AS (
	SELECT p.id, p.time_ns, f.link, f.src AS source, f.dst AS host, f.dst_port AS port, f.conversation,
		NOT EXISTS (SELECT 1 FROM flow g JOIN packet_run r ON r.flow = g.id WHERE g.conversation = f.conversation AND g.to_server = 0
			AND EXISTS (SELECT 1 FROM packet a WHERE a.id BETWEEN r.first AND r.last AND a.flow = g.id AND a.tcp_flags & 4 = 0)) AS refused
	FROM packet p JOIN flow f ON f.id = p.flow
	WHERE p.tcp_flags & 18 = 2
	UNION ALL
	SELECT min(p.id), min(p.time_ns), f.link, f.src, f.dst, f.dst_port, f.conversation,
		NOT EXISTS (SELECT 1 FROM flow g WHERE g.conversation = f.conversation AND g.to_server = 0)
	FROM packet p JOIN flow f ON f.id = p.flow
	WHERE f.ip_proto = 17 AND f.to_server = 1 GROUP BY f.conversation
	UNION ALL
	SELECT p.id, p.time_ns, f.link, f.src, f.dst, NULL, f.conversation,
		NOT EXISTS (SELECT 1 FROM flow g WHERE g.link = f.link AND g.src = f.dst AND g.dst = f.src)
	FROM packet p JOIN flow f ON f.id = p.flow
	WHERE (p.protocol = 'ARP' AND p.info LIKE 'Who has%' AND p.flow IN (SELECT flow FROM first_hop)) OR p.info LIKE 'Echo (ping) request%'),
span AS (SELECT 1e9 * value AS ns FROM analysis_limit WHERE view = 'scan_suspects' AND name = 'seconds'),
around AS (
	SELECT a.link, a.source, a.host, a.time_ns, count(DISTINCT b.host) AS hosts,
		count(DISTINCT CASE WHEN b.host = a.host THEN b.port END) AS ports, avg(b.refused) AS refused_share
	FROM probe a, span JOIN probe b ON b.link = a.link AND b.source = a.source AND b.time_ns BETWEEN a.time_ns AND a.time_ns + span.ns
	GROUP BY a.id)
SELECT link, source, 'ports' AS kind, max(ports) AS targets, max(refused_share) AS refused_share, min(time_ns) AS first_ns, max(time_ns) AS last_ns
FROM around
WHERE ports >= (SELECT value FROM analysis_limit WHERE view = 'scan_suspects' AND name = 'ports')
	AND refused_share >= (SELECT value FROM analysis_limit WHERE view = 'scan_suspects' AND name = 'refused')
GROUP BY link, source
UNION ALL
SELECT link, source, 'hosts', max(hosts), max(refused_share), min(time_ns), max(time_ns)
FROM around
WHERE hosts >= (SELECT value FROM analysis_limit WHERE view = 'scan_suspects' AND name = 'hosts')
	AND refused_share >= (SELECT value FROM analysis_limit WHERE view = 'scan_suspects' AND name = 'refused')
GROUP BY link, source;

-- A protocol where it does not belong, a server port that nobody knows, octets that no dissector takes.
CREATE VIEW unusual_ports AS
WITH served AS (
	SELECT t.link, CASE t.to_server WHEN 1 THEN t.src ELSE t.dst END AS client, CASE t.to_server WHEN 1 THEN t.dst ELSE t.src END AS server,
		CASE t.to_server WHEN 1 THEN t.dst_port ELSE t.src_port END AS port, t.ip_proto, t.application, sum(t.packets) AS packets,
		max(t.to_server = 0) AS answered
	FROM traffic t WHERE t.ip_proto IN (6, 17) AND t.to_server IS NOT NULL
	GROUP BY t.link, client, server, port, t.ip_proto, t.application)
SELECT link, client, server, port, application, 'known-app-odd-port' AS reason, packets
FROM served s
WHERE EXISTS (SELECT 1 FROM port_name n WHERE n.application = s.application)
	AND NOT EXISTS (SELECT 1 FROM port_name n WHERE n.ip_proto = s.ip_proto AND n.port = s.port AND n.application = s.application)
	AND application NOT IN ('RTP', 'RTCP', 'FTP-DATA', 'TFTP')
UNION ALL
SELECT link, client, server, port, application, 'unknown-port', packets
FROM served s
WHERE answered AND NOT EXISTS (SELECT 1 FROM port_name n WHERE n.ip_proto = s.ip_proto AND n.port = s.port)
	AND application NOT IN ('RTP', 'RTCP', 'FTP-DATA', 'TFTP')
UNION ALL
SELECT link, coalesce(src, src_mac), coalesce(dst, dst_mac), NULL, application, 'unknown-protocol', sum(packets)
FROM traffic
WHERE application GLOB '0x????' OR (ip_proto IS NOT NULL AND ip_proto NOT IN (1, 2, 6, 17, 58) AND application IN ('IPv4', 'IPv6'))
GROUP BY link, src, dst, src_mac, dst_mac, application;

-- Flows whose bursts come at even distances: hellos, keepalives, polls.
CREATE VIEW periodic_traffic AS
WITH limits AS (
	SELECT max(CASE name WHEN 'gaps' THEN value END) AS gaps, max(CASE name WHEN 'deviation' THEN value END) AS deviation,
		1e6 * max(CASE name WHEN 'burst_ms' THEN value END) AS burst_ns FROM analysis_limit WHERE view = 'periodic_traffic'),
sorted AS (
	SELECT f.link, coalesce(f.src, f.src_mac) AS source, coalesce(f.dst, f.dst_mac) AS destination, p.protocol AS application, f.dst_port AS port,
		CASE WHEN p.protocol IN ('TCP', 'UDP', 'RTP') THEN '' ELSE rtrim(substr(p.info, 1, instr(p.info || ' ', ' ')), ' ') END AS message, p.time_ns,
		p.time_ns - lag(p.time_ns) OVER w AS gap_ns
	FROM packet p JOIN flow f ON f.id = p.flow
	WINDOW w AS (PARTITION BY f.link, f.src_mac, f.dst_mac, f.src, f.dst, f.dst_port, p.protocol,
		CASE WHEN p.protocol IN ('TCP', 'UDP', 'RTP') THEN '' ELSE rtrim(substr(p.info, 1, instr(p.info || ' ', ' ')), ' ') END ORDER BY p.id)),
start AS (
	SELECT s.*, time_ns - lag(time_ns) OVER (PARTITION BY link, source, destination, application, port, message ORDER BY time_ns) AS period_ns
	FROM sorted s, limits WHERE gap_ns IS NULL OR gap_ns >= burst_ns)
SELECT link, source, destination, application, port, message, count(period_ns) + 1 AS n, avg(period_ns) / 1e9 AS period_s,
	sqrt(max(avg(1.0 * period_ns * period_ns) - avg(period_ns) * avg(period_ns), 0)) / 1e9 AS deviation_s
FROM start
GROUP BY link, source, destination, application, port, message
HAVING count(period_ns) >= (SELECT gaps FROM limits)
	AND sqrt(max(avg(1.0 * period_ns * period_ns) - avg(period_ns) * avg(period_ns), 0)) <= (SELECT deviation FROM limits) * avg(period_ns);
