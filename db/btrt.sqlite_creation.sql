-- The tables of BTRT in a SQLite file: `btrt run` and `btrt db create` make them by themselves. They
-- are those of btrt.db_creation.sql, in the types of SQLite.

BEGIN;

CREATE TABLE IF NOT EXISTS torrents (
    info_hash BLOB NOT NULL,
    seeders INTEGER NOT NULL,
    leechers INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    PRIMARY KEY (info_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS peers (
    info_hash BLOB NOT NULL,
    ip BLOB NOT NULL,
    port INTEGER NOT NULL,
    peer_id BLOB NOT NULL,
    seeder INTEGER NOT NULL,
    completed INTEGER NOT NULL,
    peer_group TEXT NOT NULL,
    origin TEXT NOT NULL,
    last_announce TEXT NOT NULL,
    PRIMARY KEY (info_hash, ip, port)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS schema_version (
    version INTEGER NOT NULL PRIMARY KEY
) STRICT;

INSERT OR IGNORE INTO schema_version (version) VALUES (3);

COMMIT;
