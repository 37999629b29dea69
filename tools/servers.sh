#!/usr/bin/env bash
# tools/servers.sh start|stop|erase: a real Kafka and a real PostgreSQL on this machine, to try the
# server deployment with (deploy/server.toml). Kafka comes from Maven Central once, PostgreSQL from
# Debian. Both keep their data in build/servers between starts, and listen on loopback alone:
# Kafka on port 19092, PostgreSQL on 15432 (user postgres, database market, no password).
# tools/servers.sh spark: a Spark cluster beside them, a master (port 17077, its page on 18080) and three
# workers of one core and 1 GiB. tools/servers.sh submit ARGUMENTS…: spark-submit there, with the library.
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
spark)
    install_packages servers
    say "starting Spark: spark://127.0.0.1:17077, its page on http://127.0.0.1:18080"
    python3 "$servers/spark.py" start --dir "$data/spark" --port 17077 --page 18080 >/dev/null
    ;;
submit)
    shift
    [ -e "$root/build/spark/tapedeck-spark.tar.gz" ] || "$root/tools/spark_library.sh"
    exec python3 "$servers/spark.py" submit --dir "$data/spark" --conf spark.log.level=WARN \
        --archives "$root/build/spark/tapedeck-spark.tar.gz#tapedeck" "$@"
    ;;
stop | erase)
    python3 "$servers/spark.py" stop --dir "$data/spark"
    python3 "$servers/kafka.py" stop --dir "$data/kafka"
    python3 "$servers/postgres.py" stop --dir "$data/postgres"
    [ "$1" = stop ] || rm -rf "$data"
    ;;
*)
    say "usage: tools/servers.sh start|spark|submit ARGUMENTS…|stop|erase"
    exit 2
    ;;
esac
