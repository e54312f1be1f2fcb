-- Why: what each device decided, and which packet made it decide.

CREATE TABLE decision (
	id INTEGER PRIMARY KEY,
	time_ns INTEGER NOT NULL,
	wall_ns INTEGER NOT NULL,
	device INTEGER REFERENCES device, -- NULL: a wire decided
	rule INTEGER NOT NULL REFERENCES rule,
	count INTEGER NOT NULL,           -- how many alike this row stands for
	packet INTEGER REFERENCES packet, -- the packet that caused it
	no_packet TEXT,                   -- why there is none
	number INTEGER,                   -- in its node, from 1; NULL: inferred by the log
	sentence TEXT NOT NULL,           -- what a student reads
	"values" TEXT                     -- what it saw, as JSON
) STRICT;
CREATE INDEX decision_packet ON decision (packet);
CREATE INDEX decision_device ON decision (device);

-- The packets that went out because of a decision.
CREATE TABLE sent (
	id INTEGER PRIMARY KEY,
	decision INTEGER NOT NULL REFERENCES decision,
	packet INTEGER REFERENCES packet,
	time_ns INTEGER NOT NULL,
	no_packet TEXT -- why it was not found on the link
) STRICT;
CREATE INDEX sent_decision ON sent (decision);
CREATE INDEX sent_packet ON sent (packet);
