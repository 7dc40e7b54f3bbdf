CREATE TABLE {prefix}history (
	id           TEXT PRIMARY KEY NOT NULL,
	message_id   TEXT NOT NULL,
	endpoint_id  TEXT NOT NULL,
	lead_id      TEXT NOT NULL,
	message_type TEXT NOT NULL,
	test         INTEGER NOT NULL,
	status       TEXT NOT NULL,
	cause        TEXT NOT NULL,
	created_at   INTEGER NOT NULL, -- microseconds since 1970, UTC
	updated_at   INTEGER NOT NULL,
	document     TEXT NOT NULL     -- JSON
) STRICT;

-- Each ends in the order of a list, so that a page needs no sort.
CREATE INDEX {prefix}history_created ON {prefix}history (created_at, id);
CREATE INDEX {prefix}history_endpoint ON {prefix}history (endpoint_id, created_at, id);
CREATE INDEX {prefix}history_endpoint_status ON {prefix}history (endpoint_id, status, created_at, id);
CREATE INDEX {prefix}history_lead ON {prefix}history (lead_id, created_at, id);
CREATE INDEX {prefix}history_status ON {prefix}history (status, created_at, id);
CREATE INDEX {prefix}history_cause ON {prefix}history (cause, created_at, id) WHERE cause <> '';
CREATE INDEX {prefix}history_test ON {prefix}history (created_at, id) WHERE test = TRUE;
