"""Coming from the original and going back, docs/from-the-original.md step by step, with real Kafka
and PostgreSQL and with the original's own client, kafka-python as it stands. Its two jobs are
written anew from what is known of them: a function that sends one array of prices a run, and a
streaming job that reads each topic from its earliest offset at every start and appends one row for
each object of an array. Every price that was sent is looked for in the tables: it stands there once.
Spark itself is not started: the job's logic is plain Python here."""
import collections
import datetime
import json
import pathlib
import sys
import tempfile
import time
import traceback

import kafka
import psycopg2

from program_test import Commands, SOURCE, Site, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "servers"))
from starters import call  # noqa: E402
COINS = ["bitcoin", "ethereum"]
STOCKS = {"AAPL": "Apple Inc. (AAPL)", "TSLA": "Tesla, Inc. (TSLA)"}
TABLES = """
create table coin_records (id serial primary key, coin text, price decimal, date timestamp not null);
create table stock_records (id serial primary key, stock text, price decimal,
                            previous_close decimal, date timestamp not null);
"""
START = datetime.datetime(2026, 11, 24, 14, 0, tzinfo=datetime.timezone.utc)


class Functions:
    """The original's Lambda functions: one array a run, without a key."""

    def __init__(self, port):
        self.producer = kafka.KafkaProducer(bootstrap_servers=f"127.0.0.1:{port}")
        self.runs = 0
        self.sent = collections.Counter()  # (table, name, price, time)

    def run(self):
        moment = START + datetime.timedelta(minutes=5 * self.runs)
        self.runs += 1
        coins = [{"coin_name": coin, "current_price": 22000.25 + self.runs + i}
                 for i, coin in enumerate(COINS)]
        stocks = [{"stock_name": name, "current_price": 150.5 + self.runs + i,
                   "previous_close": 149.75} for i, name in enumerate(STOCKS.values())]
        milliseconds = int(moment.timestamp() * 1000)
        for topic, records in (("coin_topic", coins), ("stock_topic", stocks)):
            self.producer.send(topic, json.dumps(records).encode(), timestamp_ms=milliseconds)
            for record in records:
                name = record.get("coin_name") or record["stock_name"]
                self.sent[(topic.replace("topic", "records"), name,
                           f"{record['current_price']}", moment)] += 1
        self.producer.flush()


class Job:
    """The original's streaming job: it keeps no offset, so a start reads everything again."""

    def __init__(self, port, database, from_earliest=True):
        self.database = database
        self.consumer = kafka.KafkaConsumer(
            bootstrap_servers=f"127.0.0.1:{port}", group_id=None, enable_auto_commit=False,
            consumer_timeout_ms=3000)
        self.parts = [kafka.TopicPartition(topic, 0) for topic in ("coin_topic", "stock_topic")]
        self.consumer.assign(self.parts)
        if from_earliest:
            self.consumer.seek_to_beginning(*self.parts)
        else:
            self.consumer.seek_to_end(*self.parts)
            for part in self.parts:
                self.consumer.position(part)
        self.written = 0

    def work(self):
        """What is there now: a value that is no array gives no row, and no error."""
        ends = self.consumer.end_offsets(self.parts)
        while any(self.consumer.position(part) < ends[part] for part in self.parts):
            for part, messages in self.consumer.poll(timeout_ms=500).items():
                for message in messages:
                    self.append(part.topic, message)
        return self

    def append(self, topic, message):
        records = json.loads(message.value)
        if not isinstance(records, list):
            return
        date = datetime.datetime.fromtimestamp(message.timestamp / 1000, datetime.timezone.utc)
        date = date.replace(tzinfo=None)  # its JVM was in UTC, and writes no zone
        with self.database, self.database.cursor() as cursor:
            for record in records:
                if topic == "coin_topic":
                    cursor.execute("insert into coin_records (coin, price, date) values (%s,%s,%s)",
                                   (record["coin_name"], str(record["current_price"]), date))
                else:
                    cursor.execute(
                        "insert into stock_records (stock, price, previous_close, date) values "
                        "(%s,%s,%s,%s)", (record["stock_name"], str(record["current_price"]),
                                          str(record.get("previous_close")), date))
                self.written += 1

    def stop(self):
        self.consumer.close()


class World(Commands):
    """A broker's topics and a database with the original's tables; tapedeck is not there yet."""

    def __init__(self, broker, postgres, name):
        self.broker, self.name = broker, name
        self.place = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.place.name)
        admin = psycopg2.connect(postgres["url"])
        admin.autocommit = True
        admin.cursor().execute(f"create database {name}")
        admin.close()
        self.url = postgres["url"].rsplit("/", 1)[0] + "/" + name
        self.database = psycopg2.connect(self.url)
        with self.database, self.database.cursor() as cursor:
            cursor.execute(TABLES)
        self.store_settings = ""
        self.feed_settings = ""
        self.more = ""
        self.write_config()

    def ask(self, site):
        """Its own sources: the coins are asked of `site`, every minute."""
        (self.folder / "sources").mkdir()
        (self.folder / "sources/bench.toml").write_text(
            SOURCE.format(port=site.server_port))
        self.feed_settings += '\nsources = ["bench"]'
        self.more = """
[sources]
folder = "sources"
[dag.coin_market_record]
schedule = "* * * * *"
retries = 0
"""
        self.write_config()

    def write_config(self):
        (self.folder / "tapedeck.toml").write_text(f"""
[store]
url = "{self.url}"
{self.store_settings}
[tape]
url = "kafka://127.0.0.1:{self.broker['port']}"
[feed.coin]
instruments = {json.dumps(COINS)}
{self.feed_settings}
[feed.stock]
instruments = {json.dumps(list(STOCKS))}
{self.feed_settings}
{self.more}
""")

    def collect(self):
        wait_until(lambda: time.time() % 60 < 15, "the grace of a slot")
        self.expect(0, "collect", "coin")

    def rows(self):
        found = collections.Counter()
        with self.database, self.database.cursor() as cursor:
            for table, name in (("coin_records", "coin"), ("stock_records", "stock")):
                cursor.execute(f"select {name}, price, date from {table}")
                for row in cursor.fetchall():
                    date = row[2] if row[2].tzinfo else row[2].replace(tzinfo=datetime.timezone.utc)
                    found[(table, row[0], f"{row[1]}", date)] += 1
        return found

    def same(self, sent):
        stored = self.rows()
        assert stored == sent, f"lost {sent - stored}, too many {stored - sent}"


def make_topics(broker_folder, port):
    admin = kafka.admin.KafkaAdminClient(bootstrap_servers=f"127.0.0.1:{port}")
    existing = set(admin.list_topics())
    for topic in ("coin_topic", "stock_topic"):
        if topic in existing:
            call("kafka", "delete", "--dir", broker_folder, "--name", topic)
        call("kafka", "topic", "--dir", broker_folder, "--name", topic, "--partitions", 1)
    admin.close()


def taken_over(broker, postgres, folder):
    """Its job stopped, its tables taken over: not one price is lost or stands twice."""
    make_topics(folder, broker["port"])
    world = World(broker, postgres, "taken_over")
    functions = Functions(broker["port"])
    for _ in range(4):
        functions.run()
    job = Job(broker["port"], world.database).work()
    job.stop()
    world.same(functions.sent)
    functions.run()  # sent while nobody loads

    world.expect(1, "load", "--until-end", says="--from coin_topic=2026-11-24T14:15:00.001Z")
    world.expect(1, "run", "--plain", says="--from stock_topic=2026-11-24T14:15:00.001Z")
    assert world.rows() == functions.sent - latest(functions), "a refused load has loaded"
    chosen = ["--from", "coin_topic=2026-11-24T14:15:00.001Z", "--from", "stock_topic=2026-11-24T14:15:00.001Z"]
    code, out, err = world.tell("load", "--until-end", *chosen)
    assert code == 0 and "4 rows of " in out and "loading_begins" in err, (code, out, err)
    assert "loading_start_is_kept" not in err, f"it was chosen once: {err}"
    code, out, err = world.tell("load", "--until-end", *chosen)
    assert code == 0 and err.count("loading_start_is_kept") == 2, (code, out, err)
    world.same(functions.sent)
    functions.run()
    world.expect(0, "load", "--until-end")
    world.same(functions.sent)
    world.expect(0, "audit", says="8 rows of coin_records that were there before")
    # One rule for the rows of before and after: "Apple Inc. (AAPL)" is AAPL.
    for name in ("AAPL", "Apple Inc. (AAPL)"):
        lines = world.expect(0, "export", "--instrument", name).splitlines()
        assert len(lines) == 1 + functions.runs, lines
        points = json.loads(world.expect(0, "plot", name, "--json"))["points"]
        assert len(points) == functions.runs, points
        world.expect(0, "why", "stock", name, "2026-11-24T14:00:00Z", says="stock_records id 1,")
        world.expect(0, "why", "stock", name, says="2026-11-24T14:25:00Z")
    told = json.loads(world.expect(0, "status", "--json"))
    for feed in told["feeds"]:
        assert feed["loaded"]["rows_last_day"] == 4, feed
        assert feed["loaded"]["last_message"] == "2026-11-24T14:25:00Z", feed
        assert feed["rows_of_others"]["rows"] == 0, feed
    readers(world)
    return world, functions


def latest(functions):
    newest = max(key[3] for key in functions.sent)
    return collections.Counter({key: n for key, n in functions.sent.items() if key[3] == newest})


def readers(world):
    """What they meet: dates with a zone, seven columns more behind the original's."""
    with world.database, world.database.cursor() as cursor:
        cursor.execute("select * from stock_records order by id limit 1")
        names = [column.name for column in cursor.description]
        assert names[:5] == ["id", "stock", "price", "previous_close", "date"], names
        assert len(names) == 12, names
        row = cursor.fetchone()
        assert row[4].utcoffset() is not None, row
        assert row[5:] == (None,) * 7, row


def both_at_once(broker, postgres, folder):
    """Its job beside tapedeck on one database doubles everything, and that is told."""
    world, functions = taken_over_again(broker, postgres, folder, "both_at_once")
    job = Job(broker["port"], world.database, from_earliest=False)
    functions.run()
    job.work()
    world.expect(0, "load", "--until-end")
    assert sum((world.rows() - functions.sent).values()) == 4, world.rows() - functions.sent
    world.expect(4, "audit", says="rows_of_others")
    world.expect(0, "status", says="ANOTHER PROGRAM writes into coin_records: 2 rows")
    world.expect(4, "status", "--fail")
    job.stop()


def taken_over_again(broker, postgres, folder, name):
    make_topics(folder, broker["port"])
    world = World(broker, postgres, name)
    functions = Functions(broker["port"])
    functions.run()
    Job(broker["port"], world.database).work().stop()
    world.expect(0, "load", "--until-end", "--from-end")
    functions.run()
    world.expect(0, "load", "--until-end")
    world.same(functions.sent)
    world.expect(0, "audit")
    return world, functions


def its_job_loads_ours(broker, postgres, folder):
    """tapedeck collects, its job loads: an array a run is what it reads."""
    make_topics(folder, broker["port"])
    world = World(broker, postgres, "its_job_loads_ours")
    world.feed_settings = 'message = "array"'
    world.ask(Site())
    job = Job(broker["port"], world.database)
    world.collect()
    job.work()
    rows = collections.Counter(key[:3] for key in world.rows().elements())
    assert rows == {("coin_records", coin, "22470.52"): 1 for coin in COINS}, rows
    job.stop()


def another_scheduler(broker, postgres, folder):
    """Airflow or cron starts `collect`: no slot is promised, and status says what came."""
    make_topics(folder, broker["port"])
    world = World(broker, postgres, "another_scheduler")
    world.ask(Site())
    world.collect()
    world.expect(0, "load", "--until-end")
    told = json.loads(world.expect(0, "status", "--json", says="rows came without one"))
    coin = next(feed for feed in told["feeds"] if feed["feed"] == "coin")
    assert coin["loaded"]["rows_last_day"] == 2 and coin["loaded"]["last_row"], coin
    assert [one["price"] for one in coin["prices"]] == ["22470.52"] * 2, coin
    world.expect(0, "audit")


def gone_back(broker, postgres, folder):
    """The way back: tables that kept their types, and its job from where tapedeck has ended."""
    make_topics(folder, broker["port"])
    world = World(broker, postgres, "gone_back")
    world.store_settings = "keep_types = true"
    world.feed_settings = 'message = "array"'
    world.write_config()
    functions = Functions(broker["port"])
    functions.run()
    Job(broker["port"], world.database).work().stop()
    world.expect(0, "load", "--until-end", "--from-end")
    functions.run()
    world.expect(0, "load", "--until-end")
    world.same(functions.sent)
    # tapedeck has stopped; its job begins at the end of the topics, as `--from-end` has ours.
    job = Job(broker["port"], world.database, from_earliest=False)
    functions.run()
    job.work()
    job.stop()
    world.same(functions.sent)
    told = json.loads(world.expect(4, "audit", "--json"))["differences"]
    assert {one["kind"] for one in told} == {"rows_of_others"}, told


def main():
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        failed = False
        broker = postgres = None
        try:
            broker = call("kafka", "start", "--dir", folder / "kafka")
            postgres = call("postgres", "start", "--dir", folder / "postgres")
            for scenario in (its_job_loads_ours, taken_over, both_at_once, another_scheduler,
                             gone_back):
                try:
                    scenario(broker, postgres, folder / "kafka")
                except Exception:  # the others are told of as well
                    failed = True
                    print(f"FAILED {scenario.__name__}", file=sys.stderr)
                    traceback.print_exc()
        finally:
            if broker:
                call("kafka", "stop", "--dir", folder / "kafka", "--kill")
            if postgres:
                call("postgres", "stop", "--dir", folder / "postgres", "--mode", "immediate")
        assert not failed


main()
