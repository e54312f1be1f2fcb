-- What the query planner takes the sizes to be, as ANALYZE would have found them in a lab of a million
-- packets. Without it, it would not know that devices are few and packets many.
ANALYZE lab;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
	('packet', NULL, '1000000'),
	('flow', NULL, '5000'),
	('packet_run', 'packet_run_flow', '50000 3000 10'),
	('way', 'way_sender', '100 3'),
	('way', 'way_receiver', '100 3'),
	('device', 'sqlite_autoindex_device_1', '50 1'),
	('interface', 'interface_device', '100 3'),
	('link', 'sqlite_autoindex_link_1', '50 1'),
	('decision', 'decision_packet', '20000 2'),
	('decision', 'decision_device', '20000 400'),
	('sent', 'sent_decision', '20000 1'),
	('sent', 'sent_packet', '20000 1'),
	('rule', 'sqlite_autoindex_rule_1', '1500 1'),
	('packet_field', 'sqlite_autoindex_packet_field_1', '100000 20 1'),
	('packet_block', NULL, '10000'),
	('lab', NULL, '1');
