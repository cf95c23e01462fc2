-- Rights of the account that `chaobiao serve` uses, on PostgreSQL (T28).
--
-- Run as the owner of the tables, in the database, once and again after every update of the program:
--     CREATE ROLE chaobiao_service LOGIN PASSWORD '...';          -- once
--     chaobiao config check -c owner.toml                          -- the owner's address in url_file
--     psql -d chaobiao -v ON_ERROR_STOP=1 -f grants.sql
-- The service owns nothing. It can add to, but neither change nor delete, what was done, what meters answered, accepted
-- reads and what billing was given; partitions are made and dropped, and old notes of terminals let go, for it by functions of the
-- owner. It can read all of it, as pg_dump does for `chaobiao backup`. What a backup is restored into is made by the owner, who runs
-- this behind it.
-- 服务账号的最小权限：审计日志、抄读报文、示值账和计费账只增不改。每次升级后由表的所有者重新执行。

DO $$
DECLARE
    service constant text := 'chaobiao_service';
    -- Only ever added to.
    append_only constant text[] := ARRAY[
        'audit', 'meter_fetch', 'register_ledger', 'interval_conflict', 'clock_ledger', 'billing_value',
        'billing_ledger', 'coded', 'item', 'supply_report', 'terminal_clock', 'terminal_event'
    ];
    -- Only looked at.
    read_only constant text[] := ARRAY['schema_version', 'partitioned'];
    each record;
BEGIN
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA public FROM %I, PUBLIC', service);
    EXECUTE format('REVOKE CREATE ON SCHEMA public FROM %I, PUBLIC', service);
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', service);
    FOR each IN
        SELECT c.relname AS name, c.relkind AS kind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        -- A partition is written through its table alone.
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'S') AND NOT c.relispartition
    LOOP
        IF each.kind = 'S' THEN
            EXECUTE format('GRANT USAGE, SELECT ON SEQUENCE %I TO %I', each.name, service);
            CONTINUE;
        END IF;
        EXECUTE format('GRANT SELECT ON %I TO %I', each.name, service);
        IF each.kind = 'v' OR each.name = ANY (read_only) THEN
            CONTINUE;
        END IF;
        EXECUTE format('GRANT INSERT ON %I TO %I', each.name, service);
        IF each.name = ANY (append_only) THEN
            CONTINUE;
        END IF;
        EXECUTE format('GRANT UPDATE ON %I TO %I', each.name, service);
        IF each.name <> 'interval_day' THEN
            EXECUTE format('GRANT DELETE ON %I TO %I', each.name, service);
        END IF;
    END LOOP;
    -- Partitions that are there, and those that are made later, are copied by pg_dump one by one.
    FOR each IN
        SELECT c.relname AS name, c.relkind AS kind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relispartition
    LOOP
        EXECUTE format('GRANT SELECT ON %I TO %I', each.name, service);
    END LOOP;
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO %I', service);
    EXECUTE format('GRANT EXECUTE ON FUNCTION make_partitions, drop_partitions, let_notes_go TO %I', service);
END $$;
