#!/bin/bash
# PostgreSQL, with a database of Dagster's that is created at the first start, in the volume /data.
set -euo pipefail
PATH=/usr/lib/postgresql/15/bin:$PATH
if [[ ! -d /data/15 ]]; then
    export PGDATA=/data/new # until it is complete: this container may be killed
    rm -rf "$PGDATA"
    initdb --username dagster --pwfile <(printf '%s\n' "$DATABASE_PASSWORD") --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    postgres --single postgres <<<'CREATE DATABASE dagster;' >/dev/null
    mv "$PGDATA" /data/15
fi
export PGDATA=/data/15
exec postgres -c 'listen_addresses=*'
