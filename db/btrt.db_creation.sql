-- The tables of BTRT, for MySQL 5.1.73 or later, MySQL 8 and MariaDB:
--
--     mysql -hlocalhost -ubtrt -p < btrt.db_creation.sql
--
-- To run it twice does no harm. `btrt db create` does the same.
--
-- Times are UTC. An info hash and a peer id are 20 bytes (HEX(info_hash) shows them), an address
-- is 4 bytes (IPv4) or 16 (IPv6): INET_NTOA(CONV(HEX(ip), 16, 10)) shows one of 4 bytes,
-- INET6_NTOA(ip) both from MySQL 5.6 on.

-- A user who may not create a schema needs none created if it is there.
SET @statement = IF(
    (SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'btrt') > 0,
    'DO 0',
    'CREATE DATABASE btrt DEFAULT CHARACTER SET utf8');
PREPARE step FROM @statement;
EXECUTE step;
DEALLOCATE PREPARE step;
USE btrt;

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

-- Tables of version 2.1 have the same names, and are not of this version because of this file.
INSERT IGNORE INTO schema_version (version)
SELECT 3 FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN ('torrents', 'peers')
    AND COLUMN_NAME = 'info_hash' AND DATA_TYPE = 'binary'
HAVING COUNT(*) = 2;

SELECT IF(COUNT(*) > 0,
    'the tables are ready',
    'the tables are those of an older version: run btrt.db_upgrade_2.1.0.sql') AS btrt
FROM schema_version;
