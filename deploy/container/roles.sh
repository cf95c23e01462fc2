#!/bin/sh
# Run by the image of PostgreSQL when its volume is empty: the owner of the tables, the account that serves, and the database.
# 数据库卷为空时由 PostgreSQL 镜像执行，建立属主、服务账号和数据库。
set -eu
secrets=${SECRETS:-/run/secrets}
psql -q -v ON_ERROR_STOP=1 -U "${POSTGRES_USER:-postgres}" -d postgres \
    -v owner="$(cat "$secrets/owner_password")" -v service="$(cat "$secrets/service_password")" <<'SQL'
CREATE ROLE chaobiao_owner LOGIN PASSWORD :'owner';
CREATE ROLE chaobiao_service LOGIN PASSWORD :'service';
CREATE DATABASE chaobiao OWNER chaobiao_owner ENCODING 'UTF8' TEMPLATE template0;
SQL
