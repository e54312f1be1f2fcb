-- Small tables that the views look things up in.

-- Thresholds of the views. A view has no parameters, so they stand here: change one with UPDATE in a
-- copy of the database.
CREATE TABLE analysis_limit (
	view TEXT NOT NULL,
	name TEXT NOT NULL,
	value REAL NOT NULL,
	PRIMARY KEY (view, name)
) STRICT, WITHOUT ROWID;
INSERT INTO analysis_limit VALUES
	('client_think_delays', 'seconds', 1),
	('client_think_delays', 'idle_seconds', 300),
	('connection_problems', 'no_answer_seconds', 10),
	('connection_problems', 'dns_seconds', 5),
	('congestion', 'rtt_samples', 20),
	('congestion', 'rtt_factor', 2),
	('congestion', 'rtt_ms', 20),
	('misconfigured_hosts', 'arp_requests', 3),
	('misconfigured_hosts', 'dns_queries', 3),
	('periodic_traffic', 'gaps', 5),
	('periodic_traffic', 'deviation', 0.2),
	('periodic_traffic', 'burst_ms', 100),
	('scan_suspects', 'ports', 15),
	('scan_suspects', 'hosts', 10),
	('scan_suspects', 'seconds', 10),
	('scan_suspects', 'refused', 0.8),
	('service_response_time', 'tcp', 200),
	('service_response_time', 'icmp', 200),
	('service_response_time', 'dns', 500),
	('service_response_time', 'dhcp', 1000),
	('service_response_time', 'radius', 1000),
	('service_response_time', 'snmp', 1000),
	('service_response_time', 'skinny', 1000),
	('service_response_time', 'http', 1000),
	('startup_sequence', 'rows', 20);

-- Which protocol belongs on which server port; an application may have several.
CREATE TABLE port_name (
	ip_proto INTEGER NOT NULL, -- 6 TCP, 17 UDP
	port INTEGER NOT NULL,
	application TEXT NOT NULL, -- as in packet.protocol
	PRIMARY KEY (ip_proto, port, application)
) STRICT, WITHOUT ROWID;
INSERT INTO port_name VALUES
	(6, 7, 'ECHO'), (17, 7, 'ECHO'), (17, 9, 'DISCARD'), (6, 9, 'DISCARD'), (6, 20, 'FTP-DATA'), (6, 21, 'FTP'),
	(6, 22, 'SSH'), (6, 22, 'SSHv2'), (6, 23, 'TELNET'), (6, 25, 'SMTP'), (6, 49, 'TACACS+'), (17, 53, 'DNS'),
	(6, 53, 'DNS'), (17, 67, 'DHCP'), (17, 68, 'DHCP'), (17, 69, 'TFTP'), (6, 80, 'HTTP'), (6, 110, 'POP'),
	(17, 123, 'NTP'), (6, 143, 'IMAP'), (17, 161, 'SNMP'), (17, 162, 'SNMP'), (6, 443, 'TLS'), (6, 8443, 'TLS'),
	(17, 514, 'Syslog'), (6, 514, 'Syslog'), (17, 546, 'DHCPv6'), (17, 547, 'DHCPv6'), (6, 1720, 'H.225.0'),
	(17, 1812, 'RADIUS'), (17, 1813, 'RADIUS'), (17, 1645, 'RADIUS'), (6, 2000, 'SKINNY'), (6, 8080, 'HTTP'),
	(17, 5353, 'MDNS');

-- Guesses from what a host's packets look like; the first row (by id) whose columns all fit is taken.
CREATE TABLE fingerprint (
	id INTEGER PRIMARY KEY,
	initial_ttl INTEGER,
	window INTEGER,
	option_order TEXT,
	dhcp_60 TEXT, -- LIKE pattern
	banner TEXT,  -- LIKE pattern
	system TEXT,
	application TEXT
) STRICT;
INSERT INTO fingerprint (initial_ttl, window, option_order, dhcp_60, banner, system, application) VALUES
	(NULL, NULL, NULL, 'MSFT %', NULL, 'Windows', NULL),
	(NULL, NULL, NULL, 'udhcp %', NULL, 'Linux with BusyBox', NULL),
	(NULL, NULL, NULL, NULL, '%Cisco-%', 'Cisco IOS', 'SSH server'),
	(NULL, NULL, NULL, NULL, '%nginx%', NULL, 'nginx'),
	(NULL, NULL, NULL, NULL, '%lighttpd%', NULL, 'lighttpd'),
	(NULL, NULL, NULL, NULL, 'curl/%', NULL, 'curl'),
	(NULL, NULL, NULL, NULL, 'Wget/%', NULL, 'wget'),
	(64, 64240, 'MSS SACK_PERM TSval WS', NULL, NULL, 'Linux', NULL),
	(64, 65160, 'MSS SACK_PERM TSval WS', NULL, NULL, 'Linux', NULL),
	(64, NULL, 'MSS SACK_PERM TSval WS', NULL, NULL, 'Linux', NULL),
	(128, NULL, 'MSS WS SACK_PERM', NULL, NULL, 'Windows', NULL),
	(64, NULL, 'MSS WS TSval SACK_PERM', NULL, NULL, 'macOS or BSD', NULL),
	(255, NULL, 'MSS', NULL, NULL, 'router or switch', NULL);

-- Two hexadecimal digits as a number and as a character: SQL cannot look into octets otherwise.
CREATE TABLE octet (
	hex TEXT PRIMARY KEY,
	n INTEGER NOT NULL,
	ascii TEXT NOT NULL -- a dot for what is not printable
) STRICT, WITHOUT ROWID;
WITH RECURSIVE number (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < 255)
INSERT INTO octet SELECT printf('%02X', n), n, CASE WHEN n BETWEEN 32 AND 126 THEN char(n) ELSE '.' END FROM number;
