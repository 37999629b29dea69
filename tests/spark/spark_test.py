"""Spark's executors load with the same C++ as `tapedeck load`: a real cluster of a master and three workers
of one core and 1 GiB, a real Kafka, a real PostgreSQL. spark_test.py PROGRAM LIBRARY [--only CASE]...
[--keep FOLDER] [--list]; TAPEDECK_LONG=1 runs the long cases as well.

Each case ends with the comparison one to one of what was sent with what is in the tables."""
import argparse
import os
import pathlib
import signal
import sys
import tempfile
import time

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
    if not LONG:
        return "long"
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
                if asked.only and name not in asked.only:
                    continue
                began = time.monotonic()
                skipped = one(cluster)
                print(f"{name}: {f'skipped, {skipped}' if skipped else 'ok'}, {time.monotonic() - began:.0f} s", flush=True)
        finally:
            cluster.close()


main()
