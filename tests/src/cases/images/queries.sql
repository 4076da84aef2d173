CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, value REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
INSERT INTO t SELECT i, 'name ' || (i * 7919 % 1009), i / 3.0 FROM n;
SELECT count(*), sum(id), round(avg(value), 3) FROM t;
CREATE INDEX by_name ON t(name);
SELECT id, name FROM t WHERE name > 'name 99' ORDER BY name, id LIMIT 5;
BEGIN; DELETE FROM t WHERE id % 2; SELECT count(*) FROM t; ROLLBACK;
SELECT count(*) FROM t;
UPDATE t SET value = -value WHERE id BETWEEN 10 AND 20;
SELECT round(sum(value), 2) FROM t;
PRAGMA integrity_check;
VACUUM;
SELECT group_concat(upper(name), '|') FROM (SELECT name FROM t ORDER BY id LIMIT 3);
SELECT no_such_column FROM t;
