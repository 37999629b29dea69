#!/usr/bin/env bash
# tools/servers.sh start|stop|erase: a real Kafka and a real PostgreSQL on this machine, to try the
# server deployment with (deploy/server.toml). Kafka comes from Maven Central once, PostgreSQL from
# Debian. Both keep their data in build/servers between starts, and listen on loopback alone:
# Kafka on port 19092, PostgreSQL on 15432 (user postgres, database market, no password).
. "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
servers=$root/tests/servers
data=${TAPEDECK_SERVERS_DIR:-$root/build/servers}
kafka_port=${TAPEDECK_KAFKA_PORT:-19092}
postgres_port=${TAPEDECK_POSTGRES_PORT:-15432}

case ${1:-} in
start)
    install_packages servers
    say "starting PostgreSQL on 127.0.0.1:$postgres_port and Kafka on 127.0.0.1:$kafka_port"
    python3 "$servers/postgres.py" start --dir "$data/postgres" --port "$postgres_port" >/dev/null
    python3 "$servers/kafka.py" start --dir "$data/kafka" --port "$kafka_port" >/dev/null
    say "both are ready: ./run demo --config deploy/server.toml"
    ;;
stop | erase)
    python3 "$servers/kafka.py" stop --dir "$data/kafka"
    python3 "$servers/postgres.py" stop --dir "$data/postgres"
    [ "$1" = stop ] || rm -rf "$data"
    ;;
*)
    say "usage: tools/servers.sh start|stop|erase"
    exit 2
    ;;
esac
