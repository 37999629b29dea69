"""Those that carry messages from Kafka into PostgreSQL, each run from a database of the same state."""
import datetime
import decimal
import json
import os
import re
import sys

import meter
import parts
import psycopg

TABLE = "coin_records"
ORIGINAL_TABLE = "original_records"


class Topic:
    """A filled topic, and what its prices add up to."""

    def __init__(self, form, partitions, told):
        self.form, self.partitions = form, partitions
        self.name, self.messages, self.rows = told["topic"], told["messages"], told["rows"]
        self.sums = tuple(told[key] for key in ("sum", "least", "greatest"))


class Bench:
    """The servers, the programs and the state that contestants share."""

    def __init__(self, folder, broker, server, instruments):
        self.folder, self.instruments = folder, instruments
        self.brokers = f"127.0.0.1:{broker['port']}"
        self.url = server["url"]
        self.socket, self.port = server["socket"], server["port"]
        self.servers = {"postgres": server["pid"], "kafka": broker["pid"]}
        self.tapedeck, self.produce, self.limit = parts.build("tapedeck", "load_produce", "load_limit")
        self.copies, self.encoded, self.batch_rows = {}, {}, {}
        self.admin = psycopg.connect(self.url.replace("/market", "/postgres"), autocommit=True)

    def fill(self, form, partitions, rows, name=None):
        command = [self.produce, "--brokers", self.brokers, "--topic", name or f"{form}_{partitions}",
                   "--partitions", str(partitions), "--rows", str(rows), "--form", form,
                   "--instruments", str(self.instruments)]
        told = json.loads(parts.processes.run(command))
        print(f"{told['topic']}: {told['messages']:,} messages in {told['seconds']} s", file=sys.stderr)
        return Topic(form, partitions, told)

    def config(self, topic):
        """A configuration for `tapedeck load`: its feed reads this topic."""
        path = self.folder / f"{topic.name}.toml"
        path.write_text(f"""[store]
url = "{self.url}"
[tape]
url = "kafka://{self.brokers}"
partitions = {topic.partitions}
[feed.coin]
topic = "{topic.name}"
table = "{TABLE}"
[log]
level = "warn"
""")
        return path

    def loading(self, topic):
        return [self.tapedeck, "load", "--until-end", "--json", "--config", self.config(topic)]

    def prepare(self, small):
        """Lets tapedeck make its tables, and keeps the database `ready` to copy them from; learns
        the COPY statements that tapedeck sends, by having PostgreSQL write them down."""
        self.fresh(template="template1")
        self.admin.execute("alter role postgres set log_statement = 'all'")
        for topic in small:
            parts.processes.run(self.loading(topic))
            log = (self.folder / "postgres" / "log").read_text(errors="replace")
            found = re.findall(rf'(?i)\bcopy "?{TABLE}"? [^;]*? from stdin[^;]*', log)
            if not found:
                sys.exit(f"tapedeck sent no COPY into {TABLE}")
            self.copies[topic.form] = found[-1].strip()
        self.admin.execute("alter role postgres reset log_statement")
        with self.connect() as link:
            link.execute(f"truncate {TABLE}")
            for table in ("offsets", "batches", "dead_letters", "duplicates"):
                link.execute(f"truncate {table}")
        self.admin.execute("drop database if exists ready with (force)")
        self.admin.execute("alter database market rename to ready")

    def fresh(self, template="ready"):
        self.admin.execute("drop database if exists market with (force)")
        self.admin.execute(f"create database market template {template}")
        self.admin.execute("checkpoint")

    def connect(self):
        return psycopg.connect(self.url, autocommit=True)

    def measured(self, command, rows, table=TABLE, env=None, end=None):
        """Runs a contestant; its figures a million rows. `end` reads another end out of its output."""
        with self.connect() as link:
            seen = meter.run_program(command, self.servers, link, table, self.folder / "contestant.log", env)
        ended = end(seen["output"]) if end else seen["ended"]
        million = rows / 1e6
        return {"total": rows / (ended - seen["began"]), "started": rows / (ended - seen["first"]),
                "cpu": seen["cpu"] / million, "postgres": seen["servers"]["postgres"] / million,
                "kafka": seen["servers"]["kafka"] / million, "memory": seen["memory"],
                "output": seen["output"]}

    def verify(self, topic, who, table=TABLE, strict=True):
        """Holds the table against what was produced; returns a remark where prices were altered."""
        with self.connect() as link:
            rows, *sums = link.execute(
                f"select count(*), sum(price)::text, min(price)::text, max(price)::text from {table}").fetchone()
        if rows != topic.rows:
            sys.exit(f"{who}: {rows} rows in {table} in place of {topic.rows}")
        same = all(exact(mine) == exact(theirs) for mine, theirs in zip(sums, topic.sums))
        if strict and not same:
            sys.exit(f"{who}: sum, least and greatest price {sums} in place of {topic.sums}")
        return "" if same else "prices altered"


def exact(text):
    """A decimal without trailing zeros; 60 digits hold every sum."""
    return decimal.Context(prec=60).normalize(decimal.Decimal(text))


def run_tapedeck(bench, topic, keep=True):
    """`keep`: leaves the encoded rows for the limit, where there are none yet."""
    bench.fresh()
    result = bench.measured(bench.loading(topic), topic.rows)
    bench.verify(topic, "tapedeck")
    with bench.connect() as link:
        moved = link.execute("select sum(next_offset) from offsets where topic = %s", (topic.name,)).fetchone()[0]
        wrong = link.execute("select (select count(*) from dead_letters) + (select count(*) from duplicates)"
                             " + (select count(*) from tape_gaps)").fetchone()[0]
        if moved != topic.messages or wrong:
            sys.exit(f"tapedeck: the ledger is at {moved} of {topic.messages}; {wrong} messages went elsewhere")
        bench.batch_rows[topic.form] = link.execute(
            "select percentile_disc(0.5) within group (order by rows) from batches where topic = %s",
            (topic.name,)).fetchone()[0]
        if keep and topic.form not in bench.encoded:
            keep_encoded(bench, link, topic)
    return result


def keep_encoded(bench, link, topic):
    """The rows that tapedeck wrote, as PostgreSQL itself encodes them, in the same order."""
    path = f"{bench.socket}/{topic.form}.bin"
    columns = re.search(r"\(([^()]*)\)\s*from\s+stdin", bench.copies[topic.form], re.I)[1]
    link.execute("set synchronize_seqscans = off")
    link.execute(f"copy (select {columns} from {TABLE}) to '{path}' (format binary)")
    bench.encoded[topic.form] = path


def run_limit(bench, topic, at_once):
    bench.fresh()
    command = [bench.limit, "--file", bench.encoded[topic.form], "--url", bench.url, "--copy",
               bench.copies[topic.form], "--rows-at-once", str(bench.batch_rows[topic.form] if at_once else 0)]
    result = bench.measured(command, topic.rows)
    told = json.loads(result["output"])
    # The file is read before the clock starts: the limit has its own.
    result["total"] = result["started"] = told["rows"] / told["seconds"]
    bench.verify(topic, "limit")
    return result


def run_python(bench, topic):
    bench.fresh()
    command = [sys.executable, parts.HERE / "python_consumer.py", bench.brokers, topic.name, topic.form,
               bench.url, topic.messages]
    result = bench.measured(command, topic.rows)
    bench.verify(topic, "Python")
    return result


def run_spark(bench, topic, how):
    bench.fresh()
    with bench.connect() as link:
        link.execute(f"create table {ORIGINAL_TABLE} (id serial primary key, coin text, price decimal,"
                     " date timestamp not null)")
    table = ORIGINAL_TABLE if how == "original" else TABLE
    python = parts.environment("requirements-spark.txt")
    home = next(python.parents[1].glob("lib/python*/site-packages/pyspark"))
    jars = ",".join(map(str, sorted(parts.spark_jars().glob("*.jar"))))
    stamp = datetime.datetime.now().strftime("%H%M%S%f")
    command = [home / "bin" / "spark-submit", "--master", "local[2]", "--driver-memory", "2g",
               "--conf", "spark.ui.enabled=false", "--conf", "spark.driver.host=127.0.0.1",
               "--conf", f"spark.local.dir={bench.folder}/spark", "--jars", jars,
               parts.HERE / "spark_app.py", how, bench.brokers, topic.name,
               f"jdbc:postgresql://127.0.0.1:{bench.port}/market", table, bench.folder / f"checkpoint-{stamp}"]
    env = os.environ | {"SPARK_HOME": str(home), "PYSPARK_PYTHON": str(python), "SPARK_LOCAL_IP": "127.0.0.1"}
    result = bench.measured(command, topic.rows, table, env, lambda output: float(output.split()[-1]))
    result["remark"] = bench.verify(topic, f"Spark, {how}", table, strict=how != "original")
    return result
