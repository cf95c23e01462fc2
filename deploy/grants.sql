-- Rights of the account that `chaobiao serve` uses, on PostgreSQL (T28).
--
-- `chaobiao migrate --owner FILE` and `chaobiao restore --owner FILE` run this, where the account is there: the administrator of the
-- server makes it once (CREATE ROLE chaobiao_service LOGIN PASSWORD '...'). By hand, as the owner of the tables, in the database:
--     psql -v ON_ERROR_STOP=1 -d chaobiao -U chaobiao_owner -f grants.sql
-- Whoever looks at the data from elsewhere (Grafana, SQL) is given an account of its own, chaobiao_reader, where that role is
-- there: it sees the views for plain SQL and what the dashboard asks, and changes nothing.
-- The service owns nothing. It can add to, but neither change nor delete, what was done, what meters answered, accepted
-- reads and what billing was given; partitions are made, those of old curves dropped, and old notes of terminals let go, for it by functions
-- of the owner. It can read all of it, as pg_dump does for `chaobiao backup`. What a backup is restored into is made by the owner.
-- 服务账号的最小权限：审计日志、抄读报文、示值账和计费账只增不改。每次以 --owner 执行 migrate、restore 时自动运行，也可由表的所有者手工执行。
-- chaobiao_reader（可选）：报表、Grafana 的只读账号。

DO $$
DECLARE
    service constant text := 'chaobiao_service';
    -- Only ever added to.
    append_only constant text[] := ARRAY[
        'audit', 'meter_fetch', 'register_ledger', 'interval_conflict', 'clock_ledger', 'billing_value',
        'clock_confirmed', 'billing_ledger', 'coded', 'item', 'supply_report', 'terminal_clock', 'terminal_event'
    ];
    -- Only looked at.
    read_only constant text[] := ARRAY['schema_version', 'partitioned', 'retention'];
    -- What is there for plain SQL, and what deploy/grafana asks: no account, no secret, no frame, no name of a customer.
    shown constant text[] := ARRAY[
        'register_read', 'interval_read', 'daily_consumption', 'missing_read',
        'billing_value', 'coded', 'installation', 'item', 'meter', 'metering_point', 'run', 'run_meter'
    ];
    each record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = service) THEN
        RAISE EXCEPTION 'there is no account %: let the administrator of the server run CREATE ROLE % LOGIN PASSWORD ''...''  没有服务账号，请先由数据库管理员创建',
            service, service;
    END IF;
    IF to_regclass('public.schema_version') IS NULL THEN
        RAISE EXCEPTION 'there are no tables in database % yet: run chaobiao migrate --owner FILE before  尚未建表，请先执行 chaobiao migrate',
            current_database();
    END IF;
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
        IF each.name NOT IN ('interval_day', 'audit_spool') THEN
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
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'chaobiao_reader') THEN
        REVOKE ALL ON ALL TABLES IN SCHEMA public FROM chaobiao_reader;
        GRANT USAGE ON SCHEMA public TO chaobiao_reader;
        FOR each IN
            SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname = 'public' AND c.relname = ANY (shown)
        LOOP
            EXECUTE format('GRANT SELECT ON %I TO chaobiao_reader', each.name);
        END LOOP;
    END IF;
    EXECUTE format('GRANT EXECUTE ON FUNCTION make_partitions, drop_partitions, let_notes_go TO %I', service);
END $$;
