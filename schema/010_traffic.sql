-- How much, between whom. One link at a time: a forwarded frame is one packet on each link and is never
-- added up over links. Bytes are frame lengths with the Ethernet header, without the check sequence.
-- Duration is the time from the first to the last packet counted; a rate over one packet is NULL.
-- Most views read packet_run, the sums of runs of packets, and so stay fast over a million packets.
-- `incomplete` counts the capture gaps that overlap what a row is about.

CREATE VIEW traffic AS
SELECT f.link, f.way, f.id AS flow, f.conversation, r.protocol AS application, f.ether_type, f.ip_proto, f.src_mac, f.dst_mac,
	f.src, f.src_port, f.dst, f.dst_port, f.to_server, r.packets, r.bytes, r.first_ns, r.last_ns, r.ttl, r.tos
FROM packet_run r
JOIN flow f ON f.id = r.flow;

-- Flows on the link of the device that sends them. A broadcast is flooded over other links, too, where
-- its answer never passes.
CREATE VIEW first_hop AS
SELECT f.id AS flow
FROM flow f
JOIN interface i ON i.mac = f.src_mac
JOIN device d ON d.id = i.device AND d.name = f.sender;

CREATE VIEW link_gap AS
SELECT w.link_name AS link, g.since_ns, g.until_ns, g.what, g.missing, g.reason
FROM capture_gap g
JOIN way w ON w.id = g.way OR g.way IS NULL;

-- Addresses by volume, one row per MAC, IPv4 and IPv6 address.
CREATE VIEW top_talkers AS
WITH side AS (
	SELECT link, CASE ether_type WHEN 2048 THEN 'IPv4' ELSE 'IPv6' END AS layer, src AS address, packets AS tx, bytes AS tx_bytes,
		0 AS rx, 0 AS rx_bytes, first_ns, last_ns FROM traffic WHERE ip_proto IS NOT NULL
	UNION ALL
	SELECT link, CASE ether_type WHEN 2048 THEN 'IPv4' ELSE 'IPv6' END, dst, 0, 0, packets, bytes, first_ns, last_ns
		FROM traffic WHERE ip_proto IS NOT NULL
	UNION ALL
	SELECT link, 'MAC', src_mac, packets, bytes, 0, 0, first_ns, last_ns FROM traffic
	UNION ALL
	SELECT link, 'MAC', dst_mac, 0, 0, packets, bytes, first_ns, last_ns FROM traffic)
SELECT link, layer, address, sum(tx) + sum(rx) AS packets, sum(tx_bytes) + sum(rx_bytes) AS bytes,
	sum(tx) AS tx_packets, sum(tx_bytes) AS tx_bytes, sum(rx) AS rx_packets, sum(rx_bytes) AS rx_bytes,
	(SELECT count(*) FROM link_gap g WHERE g.link = side.link AND g.until_ns >= min(first_ns) AND g.since_ns <= max(last_ns)) AS incomplete
FROM side
GROUP BY link, layer, address
ORDER BY bytes DESC, address;

-- Which applications, on which ports of their servers. Both directions together.
CREATE VIEW protocols AS
SELECT link, ip_proto AS ip_protocol,
	CASE to_server WHEN 1 THEN dst_port WHEN 0 THEN src_port ELSE min(src_port, dst_port) END AS port,
	application, sum(packets) AS packets, sum(bytes) AS bytes, min(first_ns) AS first_ns, max(last_ns) AS last_ns,
	(SELECT count(*) FROM link_gap g WHERE g.link = traffic.link AND g.until_ns >= min(first_ns) AND g.since_ns <= max(last_ns)) AS incomplete
FROM traffic
GROUP BY link, ip_proto, 3, application;

CREATE VIEW app_rates AS
SELECT link, application, packets, bytes, duration_s, packets / nullif(duration_s, 0) AS pps, bytes / nullif(duration_s, 0) AS Bps, incomplete
FROM (
	SELECT link, application, sum(packets) AS packets, sum(bytes) AS bytes, (max(last_ns) - min(first_ns)) / 1e9 AS duration_s,
		(SELECT count(*) FROM link_gap g WHERE g.link = traffic.link AND g.until_ns >= min(first_ns) AND g.since_ns <= max(last_ns)) AS incomplete
	FROM traffic GROUP BY link, application);

CREATE VIEW link_rates AS
SELECT link, packets, bytes, duration_s, packets / nullif(duration_s, 0) AS pps, bytes / nullif(duration_s, 0) AS Bps, incomplete
FROM (
	SELECT link, sum(packets) AS packets, sum(bytes) AS bytes, (max(last_ns) - min(first_ns)) / 1e9 AS duration_s,
		(SELECT count(*) FROM link_gap g WHERE g.link = traffic.link AND g.until_ns >= min(first_ns) AND g.since_ns <= max(last_ns)) AS incomplete
	FROM traffic GROUP BY link);

-- The n-th second of a link is [t0 + n, t0 + n + 1), t0 being its first packet.
CREATE VIEW link_start AS
SELECT link, min(first_ns) AS start_ns, max(last_ns) AS end_ns FROM traffic GROUP BY link;

CREATE VIEW app_bandwidth AS
WITH second AS (
	SELECT f.link, p.protocol AS application, (p.time_ns - s.start_ns) / 1000000000 AS n, count(*) AS packets, sum(p.length) AS bytes,
		min(p.time_ns) AS first_ns, max(p.time_ns) AS last_ns
	FROM packet p JOIN flow f ON f.id = p.flow JOIN link_start s ON s.link = f.link
	GROUP BY f.link, p.protocol, n)
SELECT link, application, sum(packets) AS packets, sum(bytes) AS bytes,
	8.0 * sum(bytes) / nullif((max(last_ns) - min(first_ns)) / 1e9, 0) AS mean_bps, 8 * max(bytes) AS peak_bps,
	(SELECT count(*) FROM link_gap g WHERE g.link = second.link AND g.until_ns >= min(first_ns) AND g.since_ns <= max(last_ns)) AS incomplete
FROM second
GROUP BY link, application;

-- Every address seen as source or destination.
CREATE VIEW hosts_communicating AS
WITH seen AS (
	SELECT link, 'MAC' AS layer, src_mac AS address, first_ns, last_ns FROM traffic
	UNION ALL SELECT link, 'MAC', dst_mac, first_ns, last_ns FROM traffic
	UNION ALL SELECT link, CASE ether_type WHEN 34525 THEN 'IPv6' ELSE 'IPv4' END, src, first_ns, last_ns FROM traffic WHERE src IS NOT NULL
	UNION ALL SELECT link, CASE ether_type WHEN 34525 THEN 'IPv6' ELSE 'IPv4' END, dst, first_ns, last_ns FROM traffic WHERE dst IS NOT NULL)
SELECT link, layer, address, (SELECT group_concat(DISTINCT name) FROM address_name n WHERE n.address = s.address) AS name, first_ns, last_ns
FROM (SELECT link, layer, address, min(first_ns) AS first_ns, max(last_ns) AS last_ns FROM seen GROUP BY link, layer, address) s;

-- Pairs, layer by layer. `conversation` (tcp and udp) is that of packets and flow.
CREATE VIEW conversations AS
WITH part AS (
	SELECT link, 'eth' AS layer, NULL AS conversation, src_mac AS s, NULL AS s_port, dst_mac AS d, NULL AS d_port, packets, bytes, first_ns, last_ns
	FROM traffic
	UNION ALL
	SELECT link, CASE ether_type WHEN 34525 THEN 'ipv6' ELSE 'ip' END, NULL, src, NULL, dst, NULL, packets, bytes, first_ns, last_ns
	FROM traffic WHERE ip_proto IS NOT NULL
	UNION ALL
	SELECT link, CASE ip_proto WHEN 6 THEN 'tcp' ELSE 'udp' END, conversation, src, src_port, dst, dst_port, packets, bytes, first_ns, last_ns
	FROM traffic WHERE ip_proto IN (6, 17) AND src_port IS NOT NULL),
sided AS (
	SELECT *, s < d OR (s = d AND coalesce(s_port, 0) <= coalesce(d_port, 0)) AS forth FROM part)
SELECT link, layer, conversation,
	CASE WHEN forth THEN s ELSE d END AS a, CASE WHEN forth THEN s_port ELSE d_port END AS a_port,
	CASE WHEN forth THEN d ELSE s END AS b, CASE WHEN forth THEN d_port ELSE s_port END AS b_port,
	sum(packets * forth) AS packets_ab, sum(bytes * forth) AS bytes_ab,
	sum(packets * (NOT forth)) AS packets_ba, sum(bytes * (NOT forth)) AS bytes_ba,
	min(first_ns) AS start_ns, (max(last_ns) - min(first_ns)) / 1e9 AS duration_s
FROM sided
GROUP BY link, layer, conversation, 4, 5, 6, 7;

CREATE VIEW packet_lengths AS
WITH sized AS (
	SELECT f.link, p.protocol AS application, p.length,
		CASE WHEN p.length < 20 THEN '0-19' WHEN p.length < 40 THEN '20-39' WHEN p.length < 80 THEN '40-79'
			WHEN p.length < 160 THEN '80-159' WHEN p.length < 320 THEN '160-319' WHEN p.length < 640 THEN '320-639'
			WHEN p.length < 1280 THEN '640-1279' WHEN p.length < 2560 THEN '1280-2559'
			WHEN p.length < 5120 THEN '2560-5119' ELSE '5120 and more' END AS bucket
	FROM packet p JOIN flow f ON f.id = p.flow)
SELECT link, application, bucket, count(*) AS packets, avg(length) AS average, min(length) AS min, max(length) AS max,
	100.0 * count(*) / sum(count(*)) OVER (PARTITION BY link, application) AS percent
FROM sized GROUP BY link, application, bucket
UNION ALL
SELECT link, application, 'all', count(*), avg(length), min(length), max(length), 100.0 FROM sized GROUP BY link, application;

-- Per second, ready to plot; seconds without packets are rows of zeros.
CREATE VIEW traffic_timeseries AS
WITH RECURSIVE
counted AS (
	SELECT f.link, (p.time_ns - s.start_ns) / 1000000000 AS second, p.protocol, f.sender, f.receiver, count(*) AS packets, sum(p.length) AS bytes
	FROM packet p JOIN flow f ON f.id = p.flow JOIN link_start s ON s.link = f.link
	GROUP BY f.link, second, p.protocol, f.sender, f.receiver),
row AS (
	SELECT link, second, 'all' AS series, '' AS key, packets, bytes FROM counted
	UNION ALL SELECT link, second, 'protocol', protocol, packets, bytes FROM counted
	UNION ALL SELECT link, second, 'host', sender, packets, bytes FROM counted
	UNION ALL SELECT link, second, 'host', receiver, packets, bytes FROM counted),
spans AS (SELECT link, series, key, min(second) AS a, max(second) AS b FROM row GROUP BY link, series, key),
every AS (
	SELECT link, series, key, a AS second, b FROM spans
	UNION ALL SELECT link, series, key, second + 1, b FROM every WHERE second < b AND second < 604800) -- a week at most
SELECT e.link, e.second, e.series, e.key, coalesce(sum(r.packets), 0) AS packets, coalesce(sum(r.bytes), 0) AS bytes
FROM every e
LEFT JOIN row r ON r.link = e.link AND r.second = e.second AND r.series = e.series AND r.key = e.key
GROUP BY e.link, e.series, e.key, e.second;

CREATE VIEW app_vs_link_throughput AS
SELECT a.link, a.second, a.key AS application, 8 * a.bytes AS app_bps, 8 * l.bytes AS link_bps, a.bytes * 1.0 / nullif(l.bytes, 0) AS share
FROM traffic_timeseries a
JOIN traffic_timeseries l ON l.link = a.link AND l.second = a.second AND l.series = 'all'
WHERE a.series = 'protocol';

-- DSCP per application and direction: the most frequent value each way, and whether they differ.
CREATE VIEW traffic_priority AS
WITH marked AS (
	SELECT link, application, CASE WHEN coalesce(to_server, 1) THEN src ELSE dst END AS client,
		CASE WHEN coalesce(to_server, 1) THEN dst ELSE src END AS server, coalesce(to_server, 1) AS up, tos, sum(packets) AS packets
	FROM traffic WHERE tos IS NOT NULL
	GROUP BY link, application, client, server, up, tos),
best AS (
	SELECT *, row_number() OVER (PARTITION BY link, application, client, server, up ORDER BY packets DESC, tos) AS place,
		sum(packets) OVER (PARTITION BY link, application, client, server, up) AS of FROM marked)
SELECT link, application, client, server,
	max(CASE WHEN up THEN tos / 4 END) AS dscp_to_server, max(CASE WHEN NOT up THEN tos / 4 END) AS dscp_to_client,
	max(CASE WHEN up THEN tos END) AS tos_to_server, max(CASE WHEN NOT up THEN tos END) AS tos_to_client,
	coalesce(max(CASE WHEN up THEN of END), 0) AS packets_to_server, coalesce(max(CASE WHEN NOT up THEN of END), 0) AS packets_to_client,
	max(CASE WHEN up THEN tos / 4 END) <> max(CASE WHEN NOT up THEN tos / 4 END) AS differs
FROM best WHERE place = 1
GROUP BY link, application, client, server;

-- Encrypted from the first encrypted record on; RADIUS and TACACS+ hide some fields only.
CREATE VIEW cleartext_apps AS
SELECT f.link, p.protocol AS application,
	CASE WHEN p.protocol LIKE 'TLS%' OR p.info LIKE '%Encrypted packet%' THEN 'yes'
		WHEN p.protocol IN ('RADIUS', 'TACACS+') THEN 'partly' ELSE 'no' END AS encrypted,
	count(DISTINCT f.conversation) AS flows, count(*) AS packets, sum(p.length) AS bytes
FROM packet p JOIN flow f ON f.id = p.flow
WHERE p.payload > 0
GROUP BY f.link, p.protocol, encrypted;
