-- What was built: written once when the lab comes up, read by every view.

-- One row: the lab itself. time_ns + epoch_ns is what the lab's clocks show, in Unix nanoseconds.
CREATE TABLE lab (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	name TEXT NOT NULL,
	seed INTEGER NOT NULL,
	epoch_ns INTEGER NOT NULL,
	started_wall_ns INTEGER NOT NULL,
	file TEXT,        -- the lab file's path
	source TEXT,      -- and its text: the run can be brought up again from here
	host TEXT,        -- kernel and machine it ran on
	options TEXT      -- payload, size and durability of this log
) STRICT;

CREATE TABLE device (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	kind TEXT NOT NULL
) STRICT;

-- One end of a link. kname is what Wireshark and ip(8) call it.
CREATE TABLE interface (
	id INTEGER PRIMARY KEY,
	device INTEGER NOT NULL REFERENCES device,
	name TEXT NOT NULL,
	kname TEXT NOT NULL,
	mac TEXT
) STRICT;
CREATE INDEX interface_device ON interface (device);

-- Two interfaces joined. capture says where its frames are read: at end a, at end b, or in the wire.
CREATE TABLE link (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	kind TEXT NOT NULL,
	a INTEGER NOT NULL REFERENCES interface,
	b INTEGER NOT NULL REFERENCES interface,
	capture TEXT NOT NULL,
	wire TEXT         -- delay, loss and the like, as in the lab file
) STRICT;

-- Each direction of each link with the names at both ends, so that a packet finds them in one step.
-- id = link * 2 + (0 from a to b, 1 from b to a).
CREATE TABLE way (
	id INTEGER PRIMARY KEY,
	link INTEGER NOT NULL REFERENCES link,
	link_name TEXT NOT NULL,
	sender TEXT NOT NULL,
	sender_interface TEXT NOT NULL,
	receiver TEXT NOT NULL,
	receiver_interface TEXT NOT NULL
) STRICT;
CREATE INDEX way_sender ON way (sender);
CREATE INDEX way_receiver ON way (receiver);

-- Every branch that a device of this lab can take. id is its place in `labnode --describe`; inferred
-- ones, which the log concludes from frames and counters, stand behind those.
CREATE TABLE rule (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	protocol TEXT NOT NULL,
	kind TEXT NOT NULL,
	sentence TEXT NOT NULL,
	source TEXT,
	inferred INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The kinds of state that devices tell of; each has a table of its own with this name.
CREATE TABLE fact_kind (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	help TEXT NOT NULL,
	durable INTEGER NOT NULL,
	columns TEXT NOT NULL -- JSON: name, type, help of each
) STRICT;

-- A device is ready, stopped, crashed, reloaded, restarted; the log itself was restarted, ran out of room, met a reader that
-- holds the write-ahead log.
CREATE TABLE node_event (
	id INTEGER PRIMARY KEY,
	time_ns INTEGER NOT NULL,
	wall_ns INTEGER NOT NULL,
	device INTEGER REFERENCES device, -- NULL: labd itself
	event TEXT NOT NULL,
	detail TEXT
) STRICT;

-- What the kernel refused: the object and the kernel's own words.
CREATE TABLE refused (
	id INTEGER PRIMARY KEY,
	time_ns INTEGER NOT NULL,
	device INTEGER REFERENCES device,
	object TEXT NOT NULL,
	text TEXT NOT NULL
) STRICT;

-- Every configuration line a device accepted, in order.
CREATE TABLE config_line (
	id INTEGER PRIMARY KEY,
	time_ns INTEGER NOT NULL,
	device INTEGER NOT NULL REFERENCES device,
	section TEXT NOT NULL, -- "interface eth0"; empty at the top
	line TEXT NOT NULL
) STRICT;

-- Where the log process goes on after a restart (`feed`, `restarted`), and how long a commit of its took at worst
-- since its last start (`worst-commit-ns`): frames wait in their rings meanwhile.
CREATE TABLE progress (
	name TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
