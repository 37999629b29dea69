#!/bin/sh
# The role of a container: master, worker (SPARK_MASTER=host:port), submit ARGUMENTS…; health asks the page.
set -eu
page() {
    python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=4)' "http://127.0.0.1:$1/json/"
}
case ${1:-} in
master)
    exec "$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.master.Master --port 7077 --webui-port 8080
    ;;
worker)
    exec "$SPARK_HOME/bin/spark-class" org.apache.spark.deploy.worker.Worker --webui-port 8081 \
        --work-dir /var/lib/spark/work "spark://${SPARK_MASTER:?host:port of the master}"
    ;;
submit)
    shift
    exec "$SPARK_HOME/bin/spark-submit" "$@"
    ;;
health)
    page 8080 2>/dev/null || page 8081
    ;;
*)
    echo "usage: master | worker | submit ARGUMENTS…" >&2
    exit 2
    ;;
esac
