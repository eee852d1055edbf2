-- Brings the tables of BTRT 2.1 and below up to date, on MySQL 5.1.73 or later, MySQL 8 and
-- MariaDB:
--
--     mysql -hlocalhost -ubtrt -p < btrt.db_upgrade_2.1.0.sql
--
-- Stop btrt first. It can be interrupted and run again, and to run it twice does no harm. The old
-- tables step aside as torrents_2_1 and peers_2_1, and their rows move into the new ones. Rows that
-- make no sense (an info hash or peer id that is not 40 hexadecimal digits, an address that is not
-- IPv4, an impossible port, no time) stay where they are and are counted at the end; when there
-- are none, the old tables go. `btrt db upgrade` does the same.

-- A user who may not create a schema needs none created if it is there.
SET @statement = IF(
    (SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'btrt') > 0,
    'DO 0',
    'CREATE DATABASE btrt DEFAULT CHARACTER SET utf8');
PREPARE step FROM @statement;
EXECUTE step;
DEALLOCATE PREPARE step;
USE btrt;


-- What follows decides itself which rows make sense.
SET time_zone = '+00:00', autocommit = 1, sql_mode = 'NO_ENGINE_SUBSTITUTION';

-- 1. The old tables step aside.
SET @statement = IF(
    (SELECT COUNT(*) FROM information_schema.COLUMNS
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'torrents'
            AND COLUMN_NAME = 'info_hash' AND DATA_TYPE IN ('char', 'varchar')) > 0,
    'RENAME TABLE torrents TO torrents_2_1',
    'DO 0');
PREPARE step FROM @statement;
EXECUTE step;
DEALLOCATE PREPARE step;
SET @statement = IF(
    (SELECT COUNT(*) FROM information_schema.COLUMNS
        WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'peers'
            AND COLUMN_NAME = 'info_hash' AND DATA_TYPE IN ('char', 'varchar')) > 0,
    'RENAME TABLE peers TO peers_2_1',
    'DO 0');
PREPARE step FROM @statement;
EXECUTE step;
DEALLOCATE PREPARE step;

-- 2. The new ones; the same as in btrt.db_creation.sql.
CREATE TABLE IF NOT EXISTS torrents (
    info_hash BINARY(20) NOT NULL,
    seeders INT UNSIGNED NOT NULL,
    leechers INT UNSIGNED NOT NULL,
    completed INT UNSIGNED NOT NULL,
    first_seen DATETIME NOT NULL,
    last_seen DATETIME NOT NULL,
    PRIMARY KEY (info_hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_bin;

-- There is no index on last_announce: nothing that BTRT asks would use it, and every announce that
-- is written would have to move an entry of it.
CREATE TABLE IF NOT EXISTS peers (
    info_hash BINARY(20) NOT NULL,
    ip VARBINARY(16) NOT NULL,
    port SMALLINT UNSIGNED NOT NULL,
    peer_id BINARY(20) NOT NULL,
    seeder TINYINT UNSIGNED NOT NULL,
    completed TINYINT UNSIGNED NOT NULL,
    peer_group VARCHAR(100) NOT NULL,
    origin ENUM('announced', 'forwarded') NOT NULL,
    last_announce DATETIME NOT NULL,
    PRIMARY KEY (info_hash, ip, port)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_bin;

CREATE TABLE IF NOT EXISTS schema_version (
    version INT UNSIGNED NOT NULL,
    PRIMARY KEY (version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_bin;

-- 3. Where there are no old tables, empty ones spare the rest of this file to ask.
CREATE TABLE IF NOT EXISTS torrents_2_1 (
    info_hash CHAR(40) NOT NULL PRIMARY KEY,
    seeders INT,
    leechers INT,
    completed INT,
    added INT UNSIGNED,
    updated INT UNSIGNED
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

CREATE TABLE IF NOT EXISTS peers_2_1 (
    info_hash CHAR(40) NOT NULL,
    peer_id CHAR(40) NOT NULL,
    ip VARCHAR(15) NOT NULL,
    port INT NOT NULL,
    bytes_left BIGINT,
    last_announce INT UNSIGNED,
    PRIMARY KEY (info_hash, peer_id, ip)
) ENGINE=InnoDB DEFAULT CHARSET=latin1;

-- 4. Rows move: they are safe in the new table before they leave the old one, which is no matter of a
-- transaction, as the old one may be MyISAM. After an interruption in between they move onto
-- themselves.
INSERT INTO torrents (info_hash, seeders, leechers, completed, first_seen, last_seen)
SELECT UNHEX(info_hash),
    GREATEST(IFNULL(seeders, 0), 0),
    GREATEST(IFNULL(leechers, 0), 0),
    GREATEST(IFNULL(completed, 0), 0),
    '1970-01-01 00:00:00' + INTERVAL IFNULL(added, IFNULL(updated, 0)) SECOND,
    '1970-01-01 00:00:00' + INTERVAL IFNULL(updated, IFNULL(added, 0)) SECOND
FROM torrents_2_1 AS old
WHERE info_hash REGEXP '^[0-9A-Fa-f]{40}$'
ON DUPLICATE KEY UPDATE
    completed = GREATEST(torrents.completed, VALUES(completed)),
    first_seen = LEAST(torrents.first_seen, VALUES(first_seen)),
    last_seen = GREATEST(torrents.last_seen, VALUES(last_seen));
DELETE FROM torrents_2_1
WHERE info_hash REGEXP '^[0-9A-Fa-f]{40}$';

-- Of several clients at one address and port the last counts; last_announce has to change last.
INSERT INTO peers (info_hash, ip, port, peer_id, seeder, completed, peer_group, origin, last_announce)
SELECT UNHEX(info_hash),
    UNHEX(LPAD(HEX(INET_ATON(ip)), 8, '0')),
    port,
    UNHEX(peer_id),
    IFNULL(bytes_left, 1) = 0,
    IFNULL(bytes_left, 1) = 0,
    '',
    'announced',
    '1970-01-01 00:00:00' + INTERVAL last_announce SECOND
FROM peers_2_1 AS old
WHERE info_hash REGEXP '^[0-9A-Fa-f]{40}$'
    AND peer_id REGEXP '^[0-9A-Fa-f]{40}$'
    AND ip REGEXP '^(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])([.](25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}$'
    AND port BETWEEN 0 AND 65535 AND last_announce > 0
ON DUPLICATE KEY UPDATE
    peer_id = IF(VALUES(last_announce) > peers.last_announce, VALUES(peer_id), peers.peer_id),
    seeder = IF(VALUES(last_announce) > peers.last_announce, VALUES(seeder), peers.seeder),
    completed = GREATEST(peers.completed, VALUES(completed)),
    last_announce = GREATEST(peers.last_announce, VALUES(last_announce));
DELETE FROM peers_2_1
WHERE info_hash REGEXP '^[0-9A-Fa-f]{40}$'
    AND peer_id REGEXP '^[0-9A-Fa-f]{40}$'
    AND ip REGEXP '^(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])([.](25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])){3}$'
    AND port BETWEEN 0 AND 65535 AND last_announce > 0;

-- 5. What could not be kept.
SELECT 'torrents_2_1' AS old_table, COUNT(*) AS rows_not_kept FROM torrents_2_1
UNION ALL
SELECT 'peers_2_1', COUNT(*) FROM peers_2_1;

-- 6. Old tables without rows go.
SET @statement = IF(
    (SELECT COUNT(*) FROM torrents_2_1) = 0,
    'DROP TABLE torrents_2_1',
    'DO 0');
PREPARE step FROM @statement;
EXECUTE step;
DEALLOCATE PREPARE step;
SET @statement = IF(
    (SELECT COUNT(*) FROM peers_2_1) = 0,
    'DROP TABLE peers_2_1',
    'DO 0');
PREPARE step FROM @statement;
EXECUTE step;
DEALLOCATE PREPARE step;

-- 7. From now on btrt takes them for its own.
INSERT IGNORE INTO schema_version (version) VALUES (3);
