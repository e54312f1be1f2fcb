-- What applications say: exchanges, calls, sounds, secrets, habits.

CREATE VIEW http_flows AS
WITH message AS (
	SELECT p.id, p.time_ns, f.link, f.conversation, f.src, f.dst, p.info, p.payload, p.info GLOB 'HTTP/1.[01] *' AS answers,
		lead(p.id) OVER c AS next_id
	FROM packet p JOIN flow f ON f.id = p.flow WHERE p.protocol LIKE 'HTTP%' AND p.payload > 0
	WINDOW c AS (PARTITION BY f.conversation ORDER BY p.id)),
turn AS (
	SELECT q.link, q.conversation, q.src AS client, q.dst AS server, q.id AS request, r.id AS response, q.time_ns,
		substr(q.info, 1, instr(q.info, ' ') - 1) AS method,
		substr(q.info, instr(q.info, ' ') + 1, length(q.info) - instr(q.info, ' ') - 9) AS url,
		CAST(substr(r.info, 10, 3) AS INTEGER) AS status,
		(SELECT min(n.id) FROM message n WHERE n.conversation = q.conversation AND NOT n.answers AND n.id > r.id) AS next_request
	FROM message q LEFT JOIN message r ON r.id = q.next_id AND r.answers
	WHERE NOT q.answers)
SELECT link, client, server, request, response, time_ns, method,
	(SELECT value FROM packet_field x WHERE x.packet = t.request AND x.field = 'Host' COLLATE NOCASE) AS host, url,
	(SELECT value FROM packet_field x WHERE x.packet = t.request AND x.field = 'Referer' COLLATE NOCASE) AS referrer, status,
	(SELECT sum(p.payload) FROM packet p JOIN flow f ON f.id = p.flow WHERE f.conversation = t.conversation AND f.to_server = 0
		AND p.id >= t.response AND p.id < coalesce(t.next_request, 9e18) AND coalesce(p.note, 0) & 1 = 0) AS bytes,
	((SELECT max(p.time_ns) FROM packet p JOIN flow f ON f.id = p.flow WHERE f.conversation = t.conversation AND f.to_server = 0
		AND p.payload > 0 AND p.id >= t.response AND p.id < coalesce(t.next_request, 9e18)) - time_ns) / 1e9 AS duration_s
FROM turn t
ORDER BY request;

-- A request to a proxy names the whole address.
CREATE VIEW http_referrals AS
SELECT referrer, coalesce(CASE WHEN url GLOB '/*' THEN 'http://' || host END, '') || url AS target, count(*) AS requests,
	count(*) * 60.0 / nullif((max(time_ns) - min(time_ns)) / 1e9, 0) AS per_minute
FROM http_flows
WHERE referrer IS NOT NULL
GROUP BY referrer, target;

CREATE VIEW http_errors AS
SELECT link, server, client, coalesce(CASE WHEN url GLOB '/*' THEN 'http://' || host END, '') || url AS url, status,
	CASE WHEN status < 500 THEN 'client' ELSE 'server' END AS class, count(*) AS count, min(time_ns) AS first_ns, max(time_ns) AS last_ns
FROM http_flows
WHERE status >= 400
GROUP BY link, server, client, 4, status;

-- User names that can be read on a link; secrets stay masked.
CREATE VIEW cleartext_credentials AS
SELECT p.time_ns, p.id AS packet, f.link, CASE f.to_server WHEN 0 THEN f.dst ELSE f.src END AS client,
	CASE f.to_server WHEN 0 THEN f.src ELSE f.dst END AS server, p.protocol,
	CASE
	WHEN p.protocol = 'FTP' AND p.info LIKE 'Request: USER %' THEN substr(p.info, 15)
	WHEN p.protocol = 'POP' AND p.info LIKE 'C: USER %' THEN substr(p.info, 9)
	WHEN p.protocol = 'IMAP' THEN substr(p.info, instr(p.info, 'LOGIN ') + 6, instr(substr(p.info, instr(p.info, 'LOGIN ') + 6) || ' ', ' ') - 1)
	END AS user,
	'****' AS secret,
	CASE WHEN p.protocol = 'SNMP' THEN 'community' WHEN p.protocol = 'HTTP' THEN 'basic'
		WHEN p.info LIKE '%PASS%' OR p.protocol = 'TELNET' THEN 'password' WHEN p.protocol = 'SMTP' THEN 'auth' ELSE 'user' END AS kind
FROM packet p JOIN flow f ON f.id = p.flow
WHERE (p.protocol = 'FTP' AND (p.info LIKE 'Request: USER %' OR p.info LIKE 'Request: PASS %'))
	OR (p.protocol = 'POP' AND (p.info LIKE 'C: USER %' OR p.info LIKE 'C: PASS %'))
	OR (p.protocol = 'IMAP' AND p.info LIKE 'Request: % LOGIN %')
	OR (p.protocol = 'SMTP' AND p.info LIKE 'C: AUTH %')
	OR (p.protocol = 'SNMP' AND EXISTS (SELECT 1 FROM packet_field x WHERE x.packet = p.id AND x.field LIKE '%ommunity%'))
	OR (p.protocol = 'HTTP' AND EXISTS (SELECT 1 FROM packet_field x WHERE x.packet = p.id
		AND x.field = 'Authorization' COLLATE NOCASE AND x.value LIKE 'Basic%'))
	OR (p.protocol = 'TELNET' AND EXISTS (SELECT 1 FROM packet_field x WHERE x.packet = p.id
		AND x.field = 'Data' AND x.value LIKE '%assword: %'));

-- What somebody learns who only listens.
CREATE VIEW learned_config AS
WITH option AS (
	SELECT f.link, x.field, x.value, f.src, p.time_ns FROM packet_field x JOIN packet p ON p.id = x.packet JOIN flow f ON f.id = p.flow
	WHERE p.protocol = 'DHCP' AND (p.info LIKE 'DHCP Offer%' OR p.info LIKE 'DHCP ACK%')),
learned AS (
	SELECT link, 'host' AS kind, src_mac || ' ' || src AS value, src_mac AS learnt_from, first_ns, last_ns, packets
	FROM traffic WHERE src IS NOT NULL AND src <> '0.0.0.0'
	UNION ALL
	SELECT link, CASE WHEN field LIKE '%(1)%' THEN 'subnet' WHEN field LIKE '%(3)%' THEN 'gateway' WHEN field LIKE '%(6)%' THEN 'dns-server'
		ELSE 'tftp-server' END, value, src, time_ns, time_ns, 1
	FROM option WHERE field GLOB 'Option: (1) *' OR field GLOB 'Option: (3) *' OR field GLOB 'Option: (6) *'
		OR field GLOB 'Option: (66) *' OR field GLOB 'Option: (150) *'
	UNION ALL
	SELECT f.link, 'name', n.address || ' ' || n.name, f.src, p.time_ns, p.time_ns, 1
	FROM packet_field x JOIN packet p ON p.id = x.packet JOIN flow f ON f.id = p.flow
	JOIN address_name n ON n.source = 'dns' AND n.name = x.value
	WHERE p.protocol = 'DNS' AND x.field = 'Answer'
	UNION ALL
	SELECT f.link, 'name', x.value, f.src_mac, p.time_ns, p.time_ns, 1
	FROM packet_field x JOIN packet p ON p.id = x.packet JOIN flow f ON f.id = p.flow WHERE x.field = 'Option: (12) Host Name'
	UNION ALL
	SELECT f.link, 'router', f.src, f.src_mac, p.time_ns, p.time_ns, 1
	FROM packet p JOIN flow f ON f.id = p.flow WHERE p.protocol = 'ICMPv6' AND p.info LIKE 'Router Advertisement%'
	UNION ALL
	SELECT f.link, 'server', f.src || ':' || f.src_port || '/tcp', f.src, p.time_ns, p.time_ns, 1
	FROM packet p JOIN flow f ON f.id = p.flow WHERE p.tcp_flags & 18 = 18
	UNION ALL
	SELECT link, 'server', src || ':' || src_port || '/udp', src, first_ns, last_ns, packets
	FROM traffic WHERE ip_proto = 17 AND to_server = 0
	UNION ALL
	SELECT f.link, 'version', x.value, f.src, p.time_ns, p.time_ns, 1
	FROM packet_field x JOIN packet p ON p.id = x.packet JOIN flow f ON f.id = p.flow
	WHERE x.field COLLATE NOCASE IN ('Server', 'User-Agent')
	UNION ALL
	SELECT f.link, 'version', substr(p.info, instr(p.info, '220')), f.src, p.time_ns, p.time_ns, 1
	FROM packet p JOIN flow f ON f.id = p.flow WHERE p.protocol IN ('FTP', 'SMTP') AND (p.info LIKE 'Response: 220%' OR p.info LIKE 'S: 220%'))
SELECT link, kind, value, learnt_from, min(first_ns) AS first_ns, max(last_ns) AS last_ns, sum(packets) AS packets
FROM learned
GROUP BY link, kind, value, learnt_from;

-- A guess of what a host is, from how its packets look.
CREATE VIEW passive_fingerprints AS
WITH opening AS (
	SELECT f.src AS host, p.info, r.ttl, row_number() OVER (PARTITION BY f.src ORDER BY p.id) AS place
	FROM packet p JOIN flow f ON f.id = p.flow JOIN packet_run r ON r.id = p.run WHERE p.tcp_flags & 2),
look AS (
	SELECT host, ttl, CAST(substr(info, instr(info, 'Win=') + 4) AS INTEGER) AS window,
		nullif(CAST(substr(info, instr(info || ' MSS=', ' MSS=') + 5) AS INTEGER), 0) AS mss,
		CASE WHEN instr(info, ' WS=') THEN CAST(substr(info, instr(info, ' WS=') + 4) AS INTEGER) END AS wscale,
		trim(CASE WHEN instr(info, 'MSS=') = 0 THEN '' ELSE ' MSS' END ||
			CASE WHEN instr(info, 'SACK_PERM') AND (instr(info, ' WS=') = 0 OR instr(info, 'SACK_PERM') < instr(info, ' WS='))
				AND (instr(info, 'TSval') = 0 OR instr(info, 'SACK_PERM') < instr(info, 'TSval')) THEN ' SACK_PERM' ELSE '' END ||
			CASE WHEN instr(info, ' WS=') AND (instr(info, 'TSval') = 0 OR instr(info, ' WS=') < instr(info, 'TSval')) THEN ' WS' ELSE '' END ||
			CASE WHEN instr(info, 'TSval') THEN ' TSval' ELSE '' END ||
			CASE WHEN instr(info, ' WS=') AND instr(info, 'TSval') AND instr(info, ' WS=') > instr(info, 'TSval') THEN ' WS' ELSE '' END ||
			CASE WHEN instr(info, 'SACK_PERM') AND ((instr(info, ' WS=') AND instr(info, 'SACK_PERM') > instr(info, ' WS='))
				OR (instr(info, 'TSval') AND instr(info, 'SACK_PERM') > instr(info, 'TSval'))) THEN ' SACK_PERM' ELSE '' END) AS option_order
	FROM opening WHERE place = 1),
host AS (
	SELECT src AS host, max(ttl) AS ttl FROM traffic WHERE ip_proto IS NOT NULL AND src <> '0.0.0.0' GROUP BY src),
known AS (
	SELECT h.host, CASE WHEN h.ttl <= 32 THEN 32 WHEN h.ttl <= 64 THEN 64 WHEN h.ttl <= 128 THEN 128 ELSE 255 END AS initial_ttl,
		l.window, l.mss, l.wscale, l.option_order,
		(SELECT x.value FROM packet_field x JOIN packet p ON p.id = x.packet JOIN flow f ON f.id = p.flow
			WHERE f.src = h.host AND x.field GLOB 'Option: (55) *' LIMIT 1) AS dhcp_55,
		(SELECT x.value FROM packet_field x JOIN packet p ON p.id = x.packet JOIN flow f ON f.id = p.flow
			WHERE f.src = h.host AND x.field GLOB 'Option: (60) *' LIMIT 1) AS dhcp_60,
		(SELECT value FROM learned_config c WHERE c.kind = 'version' AND c.learnt_from = h.host LIMIT 1) AS banner
	FROM host h LEFT JOIN look l ON l.host = h.host)
SELECT k.*,
	(SELECT g.system FROM fingerprint g WHERE g.system IS NOT NULL AND (g.initial_ttl IS NULL OR g.initial_ttl = k.initial_ttl)
		AND (g.window IS NULL OR g.window = k.window) AND (g.option_order IS NULL OR g.option_order = k.option_order)
		AND (g.dhcp_60 IS NULL OR k.dhcp_60 LIKE g.dhcp_60) AND (g.banner IS NULL OR k.banner LIKE g.banner) ORDER BY g.id LIMIT 1) AS system,
	(SELECT g.application FROM fingerprint g WHERE g.application IS NOT NULL AND k.banner LIKE g.banner ORDER BY g.id LIMIT 1) AS application
FROM known k;

-- Failed calls and registrations; a cause seen on several links counts once.
CREATE VIEW voip_errors AS
WITH heard AS (
	SELECT p.time_ns, p.id, f.sender AS device, p.protocol, p.info,
		CASE WHEN p.protocol LIKE 'SKINNY%' THEN 'SCCP' ELSE 'Q.931' END AS source
	FROM packet p JOIN flow f ON f.id = p.flow WHERE p.protocol LIKE 'SKINNY%' OR p.protocol LIKE 'H.225%'),
classed AS (
	SELECT h.time_ns, h.device, NULL AS caller, NULL AS callee,
		CASE WHEN info LIKE '%InvalidNumber%' OR info LIKE '%RegisterReject%' THEN 'client'
			WHEN info LIKE '%Congestion%' THEN 'server' WHEN info LIKE '%Busy%' THEN 'global' END AS class,
		NULL AS cause, info AS text, source
	FROM heard h WHERE source = 'SCCP' AND (info LIKE '%InvalidNumber%' OR info LIKE '%RegisterReject%' OR info LIKE '%Congestion%' OR info LIKE '%Busy%')
	UNION ALL
	SELECT h.time_ns, h.device, NULL, NULL,
		CASE WHEN CAST(x.value AS INTEGER) IN (1, 28) OR CAST(x.value AS INTEGER) BETWEEN 95 AND 100 THEN 'client'
			WHEN CAST(x.value AS INTEGER) IN (17, 19, 21) THEN 'global' ELSE 'server' END,
		CAST(x.value AS INTEGER), h.info, source
	FROM heard h JOIN packet_field x ON x.packet = h.id AND x.field LIKE '%ause value%'
	WHERE CAST(x.value AS INTEGER) NOT IN (16, 31)
	UNION ALL
	SELECT d.time_ns, d.device, json_extract(d."values", '$.caller'), json_extract(d."values", '$.callee'),
		CASE WHEN d.rule LIKE '%unknown-number%' OR d.rule LIKE '%not-permitted%' OR d.rule LIKE '%rejected%' THEN 'client'
			WHEN d.rule LIKE '%busy%' OR d.rule LIKE '%no-answer%' THEN 'global' ELSE 'server' END,
		json_extract(d."values", '$.cause'), d.sentence, 'log'
	FROM decisions d WHERE d.rule IN ('sccp.register.log-rejected', 'sccp.register.fail-no-line', 'sccp.register.timeout',
		'sccp.local.unknown-number', 'sccp.local.busy', 'sccp.local.callee-unregistered', 'sccp.local.no-answer',
		'h323.remote.unknown-number', 'h323.remote.busy', 'h323.remote.no-target', 'h323.remote.tcp-fail', 'h323.remote.setup-timeout'))
SELECT min(time_ns) AS time_ns, device, caller, callee, class, cause, text, source
FROM classed
GROUP BY device, caller, callee, class, cause, text, source, time_ns / 1000000000;

-- Audio streams. Jitter is RFC 3550 A.8 with the payload's clock (8 kHz for all of them here); what the
-- receiving phone found late stands in its own facts.
CREATE VIEW rtp_streams AS
WITH RECURSIVE
packet_in AS (
	SELECT f.link, f.src AS source, f.src_port AS s_port, f.dst AS destination, f.dst_port AS d_port,
		substr(p.info, instr(p.info, 'SSRC=') + 5, 10) AS ssrc, substr(p.info, 4, instr(p.info, ',') - 4) AS payload,
		CAST(substr(p.info, instr(p.info, 'Seq=') + 4) AS INTEGER) AS seq, CAST(substr(p.info, instr(p.info, 'Time=') + 5) AS INTEGER) AS ts,
		p.time_ns,
		row_number() OVER (PARTITION BY p.flow, substr(p.info, instr(p.info, 'SSRC=') + 5, 10) ORDER BY p.id) AS n,
		p.flow
	FROM packet p JOIN flow f ON f.id = p.flow WHERE p.protocol = 'RTP'),
walk (flow, ssrc, n, time_ns, ts, seq, extended, delta_ms, jitter) AS (
	SELECT flow, ssrc, n, time_ns, ts, seq, seq, NULL, 0.0 FROM packet_in WHERE n = 1
	UNION ALL
	SELECT p.flow, p.ssrc, p.n, p.time_ns, p.ts, p.seq,
		w.extended + CASE WHEN p.seq - w.seq < -32768 THEN p.seq - w.seq + 65536 WHEN p.seq - w.seq > 32768 THEN p.seq - w.seq - 65536
			ELSE p.seq - w.seq END,
		(p.time_ns - w.time_ns) / 1e6,
		w.jitter + (abs((p.time_ns - w.time_ns) / 1e6 - (p.ts - w.ts) / 8.0) - w.jitter) / 16
	FROM walk w JOIN packet_in p ON p.flow = w.flow AND p.ssrc = w.ssrc AND p.n = w.n + 1)
SELECT i.link, i.source, i.s_port, i.destination, i.d_port, i.ssrc, i.payload, count(*) AS packets,
	max(w.extended) - min(w.extended) + 1 AS expected, max(w.extended) - min(w.extended) + 1 - count(*) AS lost,
	100.0 * (max(w.extended) - min(w.extended) + 1 - count(*)) / (max(w.extended) - min(w.extended) + 1) AS lost_pct,
	min(w.delta_ms) AS min_delta_ms, avg(w.delta_ms) AS mean_delta_ms, max(w.delta_ms) AS max_delta_ms,
	avg(w.jitter) AS mean_jitter_ms, max(w.jitter) AS max_jitter_ms, min(w.time_ns) AS first_ns, max(w.time_ns) AS last_ns
FROM walk w JOIN packet_in i ON i.flow = w.flow AND i.ssrc = w.ssrc AND i.n = w.n
GROUP BY w.flow, w.ssrc;

-- The first packets and decisions of each device and application after each of its starts, in order.
CREATE VIEW startup_sequence AS
WITH start AS (
	SELECT d.name AS device, 0 AS start_ns FROM device d
	UNION SELECT d.name, e.time_ns FROM node_event e JOIN device d ON d.id = e.device WHERE e.event IN ('started', 'restarted')),
what AS (
	SELECT device, time_ns, 'decision' AS what, id, protocol AS application, sentence AS text FROM decisions WHERE device IS NOT NULL
	UNION ALL SELECT f.sender, p.time_ns, 'packet', p.id, p.protocol, p.info FROM packet p JOIN flow f ON f.id = p.flow
	UNION ALL SELECT f.receiver, p.time_ns, 'packet', p.id, p.protocol, p.info FROM packet p JOIN flow f ON f.id = p.flow WHERE coalesce(p.fate, 0) & 49 = 0),
since AS (
	SELECT w.*, (SELECT max(s.start_ns) FROM start s WHERE s.device = w.device AND s.start_ns <= w.time_ns) AS start_ns FROM what w),
placed AS (
	SELECT *, row_number() OVER (PARTITION BY device, start_ns, application ORDER BY time_ns, what DESC, id) AS place FROM since)
SELECT device, row_number() OVER (PARTITION BY device, start_ns ORDER BY time_ns, what DESC, id) AS n,
	(time_ns - start_ns) / 1e9 AS seconds, what, id, application, text, time_ns
FROM placed
WHERE place <= (SELECT value FROM analysis_limit WHERE view = 'startup_sequence' AND name = 'rows');
