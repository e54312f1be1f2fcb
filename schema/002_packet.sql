-- Frames. All of it is only ever appended to: a writer that dies leaves nothing half-counted, and a
-- reader never waits.

-- One direction of a conversation on one link: the columns that people filter by. A TCP connection
-- has its own; both directions share `conversation` (the id of the one seen first).
CREATE TABLE flow (
	id INTEGER PRIMARY KEY,
	conversation INTEGER NOT NULL,
	way INTEGER NOT NULL REFERENCES way,
	src_mac TEXT NOT NULL,
	dst_mac TEXT NOT NULL,
	vlan INTEGER,
	ether_type INTEGER, -- NULL: an 802.3 frame with a length
	ip_proto INTEGER,
	src TEXT,           -- IP address, or the address in an ARP packet
	dst TEXT,
	src_port INTEGER,
	dst_port INTEGER,
	to_server INTEGER,  -- 1: from the client to the server, 0: back, NULL: has no such roles
	link TEXT,          -- names from `way`, so that a filter on them needs no further table
	sender TEXT,
	receiver TEXT
) STRICT;

-- Packets of one flow and one protocol within one transaction: sums, ready to be added up, and roughly
-- where the packets are. Written once per run, not once per packet, so it costs the writer little. Runs
-- of different flows overlap: `packet.run` says whose a packet is.
CREATE TABLE packet_run (
	id INTEGER PRIMARY KEY,
	flow INTEGER NOT NULL REFERENCES flow,
	protocol TEXT NOT NULL,
	first INTEGER NOT NULL, -- packet ids
	last INTEGER NOT NULL,
	packets INTEGER NOT NULL,
	bytes INTEGER NOT NULL,
	first_ns INTEGER NOT NULL,
	last_ns INTEGER NOT NULL,
	offset_ns INTEGER NOT NULL, -- wall time = time_ns + offset_ns
	ttl INTEGER, -- time to live or hop limit
	tos INTEGER, -- DSCP * 4 + ECN
	segment INTEGER NOT NULL -- first / 65536
) STRICT;
-- By segment first: new entries then land in a few pages, however many flows there are. Looking for a
-- flow means one look per segment ("skip-scan", which the statistics at the end of the schema allow).
CREATE INDEX packet_run_flow ON packet_run (segment, flow);

-- One frame on one link, once, in order of time. Narrow, because there are many, and without an index:
-- one would cost a fifth of the writer's rate [measured: 0.3 us of 1.6 a frame], while a look at each
-- of a million rows takes 40 to 80 ms. A filter on a flow's columns is tried against a Bloom filter first.
CREATE TABLE packet (
	id INTEGER PRIMARY KEY,
	time_ns INTEGER NOT NULL, -- lab time
	flow INTEGER NOT NULL REFERENCES flow,
	protocol TEXT NOT NULL,   -- the highest-level one, as Wireshark spells it
	run INTEGER NOT NULL REFERENCES packet_run,
	length INTEGER NOT NULL,  -- octets on the wire, without the frame check sequence
	captured INTEGER,         -- octets kept, when fewer
	bytes_at INTEGER,         -- packet_block.id * 65536 + where in it; NULL: none kept
	fate INTEGER,             -- what the wire did, see packet_fate
	delay_ns INTEGER,         -- how long the wire kept it
	payload INTEGER,          -- octets above TCP or UDP
	tcp_flags INTEGER,        -- FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128
	note INTEGER,             -- what the log saw in it, see packet_note
	rtt_ns INTEGER,           -- TCP: since the segment that this one acknowledges
	info TEXT NOT NULL,       -- one line, worded as Wireshark's
	malformed TEXT            -- why it could not be read to its end
) STRICT;

-- The frames' octets, many in one row (a row for each would halve the writer's rate).
CREATE TABLE packet_block (
	id INTEGER PRIMARY KEY,
	bytes BLOB NOT NULL
) STRICT;

-- The fields of messages that a protocol's own codec takes apart, above TCP and UDP.
CREATE TABLE packet_field (
	packet INTEGER NOT NULL REFERENCES packet,
	n INTEGER NOT NULL, -- order in the packet
	field TEXT NOT NULL,
	value TEXT NOT NULL,
	offset INTEGER NOT NULL, -- of its octets in the frame
	length INTEGER NOT NULL,
	PRIMARY KEY (packet, n)
) STRICT, WITHOUT ROWID;

-- What is missing, and that it is. `missing` NULL: not known how much.
CREATE TABLE capture_gap (
	id INTEGER PRIMARY KEY,
	way INTEGER REFERENCES way,       -- NULL: not known which
	device INTEGER REFERENCES device, -- whose journal, for decisions
	since_ns INTEGER NOT NULL,
	until_ns INTEGER NOT NULL,
	what TEXT NOT NULL,               -- frames, payload, decisions
	missing INTEGER,
	reason TEXT NOT NULL
) STRICT;

-- The bits of packet.fate and packet.note in words.
CREATE TABLE packet_fate (bit INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO packet_fate VALUES
	(1, 'lost'), (2, 'duplicate'), (4, 'reordered'), (8, 'corrupted'), (16, 'queue-drop'),
	(32, 'link-down');
CREATE TABLE packet_note (bit INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
INSERT INTO packet_note VALUES
	(1, 'retransmission'), (2, 'fast-retransmission'), (4, 'duplicate-ack'), (8, 'zero-window'),
	(16, 'window-full'), (32, 'lost-segment'), (64, 'out-of-order'), (128, 'keep-alive'),
	(256, 'window-update'), (512, 'spurious-retransmission'), (1024, 'port-reused'),
	(2048, 'bad-checksum'), (4096, 'fragment'), (8192, 'zero-window-probe'),
	(16384, 'acked-unseen-segment'), (32768, 'keep-alive-ack');
