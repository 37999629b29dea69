#!/usr/bin/env python3
"""Loading on a Spark cluster: the original's logic, JDBC tuned as well as is known, and tapedeck's library.

    run.py [--rows 1000000] [--runs 1] [--workers 1,3] [--only original|array|tapedeck|own|jdbc-own] [--scratch DIR]

One run: the same standalone cluster (workers of one core and 1 GiB), the same backlog in Kafka (three
partitions), the same PostgreSQL. Each contestant's application is started anew and loads the backlog into a new
table; what counts begins with the first row in it, so that the start of Spark (told besides) is not counted.
CPU seconds are those of all executors, JVM and Python, and of the driver, from then on. The library must be
there: tools/spark_library.sh. Answers with Markdown.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "load"))
import meter  # noqa: E402: from bench/load
import parts  # noqa: E402

parts.enter_environment()
import confluent_kafka.admin  # noqa: E402
import psycopg  # noqa: E402

# name: (topic, what it is, arguments of bench/load/spark_app.py; none: tapedeck's application)
CONTESTANTS = {
    "original": ("array", "the original's logic", "original"),
    "array": ("array", "JDBC tuned, the original's arrays", "array"),
    "tapedeck": ("array", "tapedeck, the original's arrays", None),
    "jdbc-own": ("own", "JDBC tuned, tapedeck's messages", "own"),
    "own": ("own", "tapedeck, its own messages", None),
}
AT_ONCE = 6  # rows of an array, as the original's six coins


def message(form, number):
    if form == "own":
        slot = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(1_764_000_000 + number // 100))
        return (f'{{"coin_name":"coin{number % 100}","current_price":{1000 + number % 9973}.{number % 89:02},'
                f'"currency":"USD","slot":"{slot}","observed_at":"{slot[:-1]}.412913Z","source":"coinmarketcap",'
                f'"rule":"price-class","revision":0,"capture":"{number:064x}"}}'), 1
    items = (f'{{"coin_name":"coin{i}","current_price":{1000 + number % 9973}.{i}7}}' for i in range(AT_ONCE))
    return f"[{','.join(items)}]", AT_ONCE


def fill(brokers, form, rows):
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": brokers})
    topics = [confluent_kafka.admin.NewTopic(f"{form}_topic", 3), confluent_kafka.admin.NewTopic(f"no_{form}", 1)]
    for made in admin.create_topics(topics).values():
        made.result()
    producer = confluent_kafka.Producer({"bootstrap.servers": brokers, "linger.ms": 50})
    sent = number = 0
    while sent < rows:
        text, more = message(form, number)
        try:
            producer.produce(f"{form}_topic", text, partition=number % 3)
        except BufferError:
            producer.poll(1)
            continue
        sent, number = sent + more, number + 1
    producer.flush()
    return sent


class Bench:
    def __init__(self, folder, postgres, broker, workers):
        self.folder, self.postgres, self.brokers = folder, postgres, f"127.0.0.1:{broker['port']}"
        self.spark = parts.call("spark.py", "start", folder / "spark", "--workers", str(workers))
        self.archive = parts.ROOT / "build/spark/tapedeck-spark.tar.gz"
        self.url = f"jdbc:postgresql://127.0.0.1:{postgres['port']}/market"

    def sql(self, text):
        with psycopg.connect(self.postgres["url"], autocommit=True) as link:
            answer = link.execute(text)
            return answer.fetchone()[0] if answer.description else None

    def fresh(self, how):
        """The same empty tables for everybody: tapedeck's, or the original's where its logic runs."""
        self.sql("drop schema public cascade")
        self.sql("create schema public")
        if how == "original":
            self.sql("create table coin_records (id serial primary key, coin text, price decimal, date timestamp)")
        else:
            (self.folder / "tapedeck.toml").write_text(f'[store]\nurl = "{self.postgres["url"]}"\n[tape]\n'
                                                       f'url = "kafka://{self.brokers}"\n')
            [program] = parts.build("tapedeck")
            subprocess.run([program, "check", "--migrate"], cwd=self.folder, check=True, stdout=subprocess.DEVNULL)
        self.sql("checkpoint")

    def command(self, form, how):
        submit = [sys.executable, parts.SERVERS / "spark.py", "submit", "--dir", self.folder / "spark",
                  "--conf", "spark.log.level=ERROR"]
        if how:
            checkpoint = self.folder / f"checkpoint{time.monotonic_ns()}"
            return [*submit, parts.HERE / "spark_app.py", how, self.brokers, f"{form}_topic", self.url, "coin_records",
                    checkpoint]
        return [*submit, "--archives", f"{self.archive}#tapedeck", parts.ROOT / "spark/app.py", self.brokers,
                f"{form}_topic", f"no_{form}", self.url, "postgres", "", "coin_records", "stock_records",
                "--until-end", "--max-offsets", "10000000"]

    def cpu(self, driver):
        return sum(meter.cpu_of_tree(worker["pid"]) for worker in self.spark["workers"]) + meter.cpu_of_tree(driver)

    def run(self, name, rows):
        form, _, how = CONTESTANTS[name]
        self.fresh(how)
        log = open(self.folder / f"{name}.log", "wb")
        began = time.monotonic()
        process = subprocess.Popen(list(map(str, self.command(form, how))), stdout=log, stderr=log,
                                   start_new_session=True)
        count = "select count(*) from coin_records"
        while not self.sql(count):
            if process.poll() is not None:
                sys.exit((self.folder / f"{name}.log").read_text()[-4000:])
            time.sleep(0.1)
        first, at_first, cpu = time.monotonic(), self.sql(count), self.cpu(process.pid)
        while (loaded := self.sql(count)) < rows and process.poll() is None:
            time.sleep(0.1)
        last, used = time.monotonic(), self.cpu(process.pid) - cpu
        process.wait()
        loaded = self.sql(count)
        assert loaded == rows, f"{name}: {rows} rows were sent and {loaded} are there"
        return {"start": first - began, "rate": (rows - at_first) / (last - first),
                "cpu": used / (rows - at_first) * 1e6}


def table(results, workers):
    print(f"\n| {workers} worker{'s' * (workers > 1)} | rows/s once started | CPU s a million rows | start s |")
    print("|---|---|---|---|")
    for name, runs in results.items():
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        print(f"| {CONTESTANTS[name][1]} | {middle['rate']:,.0f} | {middle['cpu']:.1f} | {middle['start']:.0f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--workers", default="1,3")
    parser.add_argument("--only", action="append", choices=list(CONTESTANTS))
    parser.add_argument("--scratch")
    asked = parser.parse_args()
    names = [name for name in CONTESTANTS if not asked.only or name in asked.only]
    with parts.scratch_folder(asked.scratch) as folder, parts.postgres(folder) as server, parts.kafka(folder) as broker:
        rows = {form: fill(f"127.0.0.1:{broker['port']}", form, asked.rows)
                for form in {CONTESTANTS[name][0] for name in names}}
        print(f"commit {parts.commit_of_source()}, {os.cpu_count()} cores, load average {parts.load_average():.1f}, "
              f"{json.dumps(rows)}", flush=True)
        for workers in map(int, asked.workers.split(",")):
            bench = Bench(folder, server, broker, workers)
            try:
                results = {name: [bench.run(name, rows[CONTESTANTS[name][0]]) for _ in range(asked.runs)]
                           for name in names}
                table(results, workers)
            finally:
                parts.call("spark.py", "stop", folder / "spark", "--kill")


main()
