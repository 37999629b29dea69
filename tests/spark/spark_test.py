"""Spark's executors load with the same C++ as `tapedeck load`: a real cluster of a master and three workers
of one core and 1 GiB, a real Kafka, a real PostgreSQL. spark_test.py PROGRAM LIBRARY [--only CASE]...
[--keep FOLDER] [--list]. Without --only the first case alone, and with TAPEDECK_LONG=1 all of them.

Each case ends with the comparison one to one of what was sent with what is in the tables."""
import argparse
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cluster import Cluster, call, wait_until  # noqa: E402

CASES = {}
LONG = "TAPEDECK_LONG" in os.environ


def case(function):
    CASES[function.__name__] = function
    return function


def end_of_broker(cluster):
    """How many offsets there are."""
    import kafka
    consumer = kafka.KafkaConsumer(bootstrap_servers=f"127.0.0.1:{cluster.kafka['port']}")
    try:
        places = [kafka.TopicPartition(topic, partition) for topic in ("coin_topic", "stock_topic")
                  for partition in consumer.partitions_for_topic(topic)]
        return sum(consumer.end_offsets(places).values())
    finally:
        consumer.close()


def settle(cluster):
    """Everything that was sent is loaded, by whoever is at work."""
    cluster.traffic.end()
    end = end_of_broker(cluster)
    wait_until(lambda: cluster.loaded() >= end, f"the end, {end}")


@case
def one_to_one(cluster):
    """A backlog with messages that cannot be read and marks of transactions, also at the very end; then
    nothing is left for the loader, and what comes then Spark finds where the loader stopped."""
    cluster.traffic.send_coins(6_000)
    cluster.traffic.send_stocks(600)
    cluster.traffic.poison()
    cluster.traffic.transaction(50, commit=False)
    cluster.traffic.send_coins(500)
    cluster.traffic.transaction(50, commit=True)
    cluster.traffic.flush()
    said = cluster.finish(cluster.application("--until-end"))
    assert "unused" not in said, "a password in the log"
    cluster.compare()
    assert cluster.loaded() == end_of_broker(cluster), "the marks at the end are passed over"
    loaded = cluster.run("load", "--until-end", "--json").stdout
    assert '"messages":0' in loaded.replace(" ", ""), loaded
    cluster.traffic.send_coins(300)
    cluster.traffic.flush()
    cluster.run("load", "--until-end")
    cluster.compare()


@case
def faults(cluster):
    """One application under load, while its executors, its Python, the database and the broker fail."""
    cluster.traffic.begin()
    application = cluster.application()
    cluster.loads_more()
    for pid, is_jvm in cluster.processes_of_executors():
        if not is_jvm:
            os.kill(pid, signal.SIGSEGV)  # a crash in the library
    cluster.loads_more(500)
    executor = next(pid for pid, is_jvm in cluster.processes_of_executors() if is_jvm)
    os.kill(executor, signal.SIGKILL)
    cluster.loads_more(500)
    cluster.traffic.poison()
    call("postgres", "stop", "--dir", cluster.folder / "postgres", "--mode", "immediate")
    time.sleep(10)
    call("postgres", "start", "--dir", cluster.folder / "postgres")
    cluster.loads_more(500)
    restored = cluster.dump()
    cluster.loads_more(500)
    restored()  # rows and ledger of a minute ago
    cluster.loads_more(500)
    cluster.traffic.end()  # what its producer makes of a broker that dies is not the question here
    call("kafka", "stop", "--dir", cluster.folder / "kafka", "--kill")
    time.sleep(5)
    call("kafka", "start", "--dir", cluster.folder / "kafka")
    cluster.traffic.connect()
    cluster.traffic.begin()
    cluster.loads_more(500)
    settle(cluster)
    assert application.poll() is None, "it never ended"
    cluster.kill(application)
    cluster.compare()


@case
def hand_over(cluster):
    """The loader killed in mid-stream and Spark started, Spark's driver killed and the loader started, and both
    at once by mistake, with speculation; notes of a killed driver lie in the way, the last of commits/ deleted."""
    notes = cluster.folder / "checkpoints"
    notes.mkdir(exist_ok=True)
    cluster.traffic.begin()
    for _ in range(10 if LONG else 1):
        loader = cluster.loader()
        cluster.loads_more(200)
        cluster.kill(loader)
        application = cluster.application("--checkpoints", notes)
        cluster.loads_more(200)
        cluster.kill(application)
        for commits in notes.glob("*/*/commits"):
            newest = max((entry for entry in commits.iterdir() if entry.name.isdigit()), default=None,
                         key=lambda entry: int(entry.name))
            if newest:
                newest.unlink()
        loader = cluster.loader()
        cluster.loads_more(200)
        both = cluster.application("--checkpoints", notes, conf=("spark.speculation=true",
                                                                 "spark.speculation.multiplier=1.1"))
        wait_until(lambda: "batch 0" in both.log.read_text(errors="replace"), "Spark to load beside the loader")
        cluster.loads_more(200)
        cluster.kill(loader)
        cluster.loads_more(200)
        cluster.kill(both)
    cluster.traffic.end()
    cluster.run("load", "--until-end")
    cluster.compare()


@case
def timestamps(cluster):
    """A timestamp that Spark's own source cannot hold ends the application, which names the cause; the loader
    carries the partition past it, and Spark goes on."""
    cluster.traffic.send_coins(60)
    cluster.traffic.send_at(2**62)
    cluster.traffic.send_coins(60)
    cluster.traffic.flush()
    said = cluster.finish(cluster.application("--until-end"), code=1)
    assert "let `tapedeck load` carry the partition past it" in said, said[-2000:]
    cluster.run("load", "--until-end")
    cluster.traffic.send_coins(60)
    cluster.traffic.flush()
    cluster.finish(cluster.application("--until-end"))
    cluster.compare()


@case
def worker_lost(cluster):
    """A worker and its executor are gone, and come back."""
    cluster.traffic.begin()
    application = cluster.application()
    cluster.loads_more()
    lost = cluster.spark["workers"][0]
    call("spark", "stop", "--dir", cluster.folder / "spark", "--number", 1, "--kill")
    for pid, _ in cluster.processes_of_executors(lost["dir"]):
        os.kill(pid, signal.SIGKILL)
    cluster.loads_more(500)
    call("spark", "worker", "--dir", cluster.folder / "spark", "--number", 1)
    settle(cluster)
    cluster.kill(application)
    cluster.compare()


@case
def secured(cluster):
    """TLS and SASL to Kafka, TLS with a password and no more rights than docs/postgres.md gives to PostgreSQL;
    another authority than the servers' is refused; and no password is in a log or on Spark's pages."""
    password, tls = "pa$$w0rd of the loader", cluster.folder / "postgres/tls"
    cluster.sql("create role tapedeck_loader login password %s", password)
    for grant in grants_of_the_documentation():
        cluster.sql(grant)
    rules = cluster.folder / "postgres/data/pg_hba.conf"
    rules.write_text("hostssl all tapedeck_loader 127.0.0.1/32 scram-sha-256\nhost all tapedeck_loader all reject\n"
                     + rules.read_text())
    cluster.sql("select pg_reload_conf()")
    properties = cluster.folder / "client.properties"
    properties.write_text("security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config="
                          "org.apache.kafka.common.security.scram.ScramLoginModule required "
                          'username="tapedeck" password="taped$ecret";\nssl.truststore.type=PEM\n'
                          f"ssl.truststore.location={cluster.folder}/kafka/tls/ca.pem\n")
    cluster.traffic.send_coins(600)
    cluster.traffic.flush()

    def application(authority, *more):
        return cluster.application("--kafka-properties", properties, *more, port=cluster.kafka["secure_port"],
                                   login="tapedeck_loader", password=password,
                                   parameters=f"?sslmode=verify-full&sslrootcert={tls}/{authority}.pem")

    before = cluster.rows()
    refused = application("other")
    wait_until(lambda: "certificate" in refused.log.read_text(errors="replace"), "a word of the certificate")
    assert cluster.rows() == before
    cluster.kill(refused)
    running = application("ca")
    settle(cluster)
    page = next(f"http://127.0.0.1:{port}" for port in range(4040, 4056) if answers(port, "/api/v1/applications"))
    name = asked(page + "/api/v1/applications")[0]["id"]
    pages = "".join(json.dumps(asked(f"{page}/api/v1/applications/{name}/{what}"))
                    for what in ("environment", "jobs", "stages", "sql?details=true"))
    cluster.kill(running)
    cluster.finish(application("ca", "--until-end"))
    cluster.compare()
    told = pages + "".join(log.read_text(errors="replace") for log in cluster.logs())
    for secret in (password, "taped$ecret"):
        assert secret not in told, "a password in a log or on a page"


def grants_of_the_documentation():
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs/postgres.md").read_text()
    block = text[text.index("grant usage on schema"):].split("```")[0]
    return [statement.strip() for statement in block.split(";") if statement.strip().startswith("grant")]


def asked(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def answers(port, path):
    try:
        return asked(f"http://127.0.0.1:{port}{path}")
    except OSError:
        return None


@case
def disk_full(cluster):
    """A worker's disk is full: what runs there goes on, what is begun there anew fails, and the other workers
    carry on; with room again the worker does."""
    if os.geteuid() != 0:
        return "needs root, for a disk of its own"
    own = cluster.folder / "spark/worker1"
    state = (own / "server.json").read_bytes()
    call("spark", "stop", "--dir", cluster.folder / "spark", "--number", 1)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m,mode=755", "none", own], check=True)
    try:
        (own / "server.json").write_bytes(state)
        call("spark", "worker", "--dir", cluster.folder / "spark", "--number", 1)
        cluster.traffic.begin()
        application = cluster.application()
        cluster.loads_more()
        wait_until(lambda: list(own.glob("work/*/*/stderr")), "an executor on that worker")
        filler = own / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))
        cluster.loads_more(500)
        for pid, is_jvm in cluster.processes_of_executors(own):
            if is_jvm:
                os.kill(pid, signal.SIGKILL)
        cluster.loads_more(500)
        filler.unlink()
        cluster.loads_more(500)
        settle(cluster)
        assert application.poll() is None, "it never ended"
        cluster.kill(application)
        cluster.compare()
    finally:
        call("spark", "stop", "--dir", cluster.folder / "spark", "--number", 1, "--kill")
        for pid, _ in cluster.processes_of_executors(own):
            os.kill(pid, signal.SIGKILL)
        subprocess.run(["umount", "--lazy", own], check=True)
        (own / "server.json").write_bytes(state)
    call("spark", "worker", "--dir", cluster.folder / "spark", "--number", 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("library")
    parser.add_argument("--only", action="append")
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--list", action="store_true")
    asked = parser.parse_args()
    if asked.list:
        print("\n".join(f"{name}: {' '.join(one.__doc__.split())}" for name, one in CASES.items()))
        return
    with tempfile.TemporaryDirectory(prefix="spark_test_") as scratch:
        folder = asked.keep.resolve() if asked.keep else pathlib.Path(scratch)
        folder.mkdir(exist_ok=True)
        cluster = Cluster(folder, asked.program, asked.library, asked.workers)
        try:
            for name, one in CASES.items():
                if name not in (asked.only or (CASES if LONG else [next(iter(CASES))])):
                    continue
                began = time.monotonic()
                skipped = one(cluster)
                print(f"{name}: {f'skipped, {skipped}' if skipped else 'ok'}, {time.monotonic() - began:.0f} s", flush=True)
        finally:
            cluster.close()


main()
