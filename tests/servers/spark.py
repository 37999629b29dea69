#!/usr/bin/env python3
"""Starts and stops a standalone cluster of Apache Spark on loopback: a master and its workers.

    spark.py start --dir DIR [--workers N] [--cores N] [--memory SIZE] [--port P] [--page P]
    spark.py worker --dir DIR --number K         starts the K-th worker again
    spark.py stop --dir DIR [--number K] [--kill]
    spark.py submit --dir DIR [SPARK-SUBMIT ARGUMENTS]...
    spark.py install

`start` answers with one line of JSON: the master's `url` and `page`, `pid`s of master and workers, and
where Spark is. PySpark comes from PyPI, the Kafka connector and the JDBC driver from Maven Central, once.
`submit` becomes spark-submit on this cluster, with the connector. Needs Java 17, mvn and python3-venv.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import sys

import processes

HERE = pathlib.Path(__file__).resolve().parent
RELEASE = "4.2.0"
PYARROW = "26.0.1"
SECONDS = 600  # that a busy machine may take to start one of them


def install(scratch):
    processes.run([sys.executable, "-m", "venv", scratch / "venv"])
    processes.run([scratch / "venv/bin/python3", "-m", "pip", "install", "-q", "--disable-pip-version-check",
                   f"pyspark=={RELEASE}", f"pyarrow=={PYARROW}"])
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
    processes.run(["mvn", "-q", "-B", "-f", HERE / "spark_pom.xml", goal, "-DincludeScope=runtime",
                   f"-Dspark.version={RELEASE}", f"-DoutputDirectory={scratch / 'jars'}"])


class Spark:
    def __init__(self):
        self.root = processes.install_once(processes.cache(f"spark-{RELEASE}"), install)
        self.python = self.root / "venv/bin/python3"
        self.home = next((self.root / "venv/lib").glob("python3.*")) / "site-packages/pyspark"

    def jars(self):
        return sorted(str(jar) for jar in (self.root / "jars").glob("*.jar"))

    def environment(self, folder):
        return os.environ | {
            "SPARK_HOME": str(self.home), "SPARK_NO_DAEMONIZE": "1",
            "PYSPARK_PYTHON": str(self.python),
            "SPARK_DAEMON_MEMORY": "256m", "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": str(folder / "tmp"),
            "SPARK_DAEMON_JAVA_OPTS": f"-XX:+UseSerialGC -Djava.io.tmpdir={folder / 'tmp'}"}

    def spawn(self, folder, role, *arguments):
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        (folder / "spark.conf").touch()
        command = [self.home / "bin/spark-class", f"org.apache.spark.deploy.{role}", "--host", "127.0.0.1",
                   "--properties-file", folder / "spark.conf", *arguments]
        return processes.spawn(list(map(str, command)), folder / "log", env=self.environment(folder))


def start_master(spark, folder, asked):
    before = processes.recall(folder / "master")
    port = asked.port or before.get("port") or processes.free_port()
    page = asked.page or before.get("page") or processes.free_port()
    server = spark.spawn(folder / "master", "master.Master", "--port", str(port), "--webui-port", str(page))
    processes.wait_until(lambda: processes.listens(server.pid, port) and processes.listens(server.pid, page), server,
                         folder / "master/log", SECONDS)
    return keep(folder / "master", {"pid": server.pid, "started": processes.start_time(server.pid), "port": port,
                                    "page": page, "url": f"spark://127.0.0.1:{port}"})


def begin_worker(spark, folder, number, cores, memory):
    """Starts the process; the answer waits until the master knows it, and gives what is to be known of it."""
    own = folder / f"worker{number}"
    page = processes.recall(own).get("page") or processes.free_port()
    begun = (own / "log").stat().st_size if (own / "log").exists() else 0
    server = spark.spawn(own, "worker.Worker", "--webui-port", str(page), "--cores", str(cores), "--memory", memory,
                         "--work-dir", str(own / "work"), processes.recall(folder / "master")["url"])
    state = keep(own, {"pid": server.pid, "started": processes.start_time(server.pid), "page": page, "cores": cores,
                       "memory": memory, "dir": str(own)})

    def wait():
        log = own / "log"
        processes.wait_until(lambda: "Successfully registered" in log.read_text(errors="replace")[begun:], server, log,
                             SECONDS)
        return state
    return wait


def keep(folder, state):
    (folder / "server.json").write_text(json.dumps(state) + "\n")
    return state


def workers_of(folder):
    return sorted((entry for entry in folder.glob("worker*") if entry.is_dir()),
                  key=lambda entry: int(entry.name.removeprefix("worker")))


def start(spark, folder, asked):
    if processes.is_running(processes.recall(folder / "master")):
        stop(folder, None, signal.SIGTERM)
    master = start_master(spark, folder, asked)
    begun = [begin_worker(spark, folder, number, asked.cores, asked.memory)
             for number in range(1, asked.workers + 1)]  # at once: each takes seconds
    workers = [wait() for wait in begun]
    print(json.dumps({"pid": master["pid"], "url": master["url"], "page": master["page"], "dir": str(folder),
                      "workers": workers, "home": str(spark.home), "python": str(spark.python)}))


def stop(folder, number, how):
    for own in reversed([folder / "master", *workers_of(folder)]):
        if number is None or own.name == f"worker{number}":
            processes.stop(own, how)


def submit(spark, folder, arguments):
    environment = spark.environment(folder) | {"SPARK_SUBMIT_OPTS": "-XX:+UseSerialGC"}
    command = [str(spark.home / "bin/spark-submit"), "--master", processes.recall(folder / "master")["url"],
               "--jars", ",".join(spark.jars()), "--conf", "spark.driver.memory=512m",
               "--conf", "spark.driver.host=127.0.0.1", *arguments]
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    os.execve(command[0], command, environment)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["start", "worker", "stop", "submit", "install"])
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("spark-cluster"))
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--memory", default="1g")
    parser.add_argument("--port", type=int)
    parser.add_argument("--page", type=int)
    parser.add_argument("--number", type=int)
    parser.add_argument("--kill", action="store_true", help="kill -9 in place of a clean end")
    parser.add_argument("--erase", action="store_true", help="remove DIR after stopping")
    asked, rest = parser.parse_known_args()
    folder = asked.dir.resolve()
    if asked.verb == "stop":
        stop(folder, asked.number, signal.SIGKILL if asked.kill else signal.SIGTERM)
        if asked.erase:
            shutil.rmtree(folder, ignore_errors=True)
        return
    spark = Spark()
    if asked.verb == "start":
        start(spark, folder, asked)
    elif asked.verb == "worker":
        print(json.dumps(begin_worker(spark, folder, asked.number, asked.cores, asked.memory)()))
    elif asked.verb == "submit":
        submit(spark, folder, rest)


main()
