"""What the tests of Spark work with: a real cluster, Kafka and PostgreSQL, a producer that remembers what it
has sent, the program's own loader, and the comparison of what was sent with what is in the tables."""
import collections
import datetime
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import kafka
import psycopg2

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SERVERS = ROOT / "tests/servers"
sys.path.insert(0, str(SERVERS))
from starters import call  # noqa: E402
CONFIG = """[store]
url = "{store}"
[tape]
url = "kafka://127.0.0.1:{kafka}"
[feed.coin]
instruments = ["bitcoin"]
[feed.stock]
instruments = []
"""
PARTITIONS = 3
BEGAN = datetime.datetime(2026, 11, 24, tzinfo=datetime.timezone.utc)


def wait_until(condition, what, seconds=1200):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.3)
    return found


def rfc3339(time_of):
    return time_of.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Traffic:
    """Sends prices no two of which are alike: coins one a message, with a slot; stocks in the original's
    arrays. What it remembers of each is the row that it has to become."""

    def __init__(self, port):
        self._port = port
        self.connect()
        self._number = 0
        self.coins, self.stocks = [], []
        self.dead = 0
        self._stop, self._thread = threading.Event(), None

    def connect(self):
        self._producer = kafka.KafkaProducer(bootstrap_servers=f"127.0.0.1:{self._port}", acks="all", linger_ms=20,
                                             retries=1000, enable_idempotence=True)

    def _price(self):
        self._number += 1
        return f"{1000 + self._number}.{self._number % 89:02}0"

    def coin_message(self):
        price, coin = self._price(), f"coin{self._number % 37}"
        slot = BEGAN + datetime.timedelta(seconds=self._number)
        seen = slot + datetime.timedelta(milliseconds=412)
        row = (coin, price, rfc3339(seen), rfc3339(slot))
        text = (f'{{"coin_name":"{coin}","current_price":{price},"currency":"USD","slot":"{rfc3339(slot)}",'
                f'"observed_at":"{rfc3339(seen)}","source":"coinmarketcap","rule":"price-class","revision":0}}')
        return coin, text, row, seen

    def send_coins(self, count):
        for _ in range(count):
            coin, text, row, seen = self.coin_message()
            self._producer.send("coin_topic", key=coin.encode(), value=text.encode(),
                                timestamp_ms=int(seen.timestamp() * 1000))
            self.coins.append(row)

    def send_at(self, milliseconds):
        """A coin whose message has this time, whatever it is."""
        coin, text, row, _ = self.coin_message()
        self._producer.send("coin_topic", key=coin.encode(), value=text.encode(), timestamp_ms=milliseconds)
        self.coins.append(row)

    def send_stocks(self, count, at_once=10):
        for _ in range(count):
            sent = BEGAN + datetime.timedelta(seconds=self._number)
            rows = [(f"Company {i} (S{i})", self._price(), rfc3339(sent), self._price()) for i in range(at_once)]
            text = ",".join(f'{{"stock_name":"{name}","current_price":{price},"previous_close":{close}}}'
                            for name, price, _, close in rows)
            self._producer.send("stock_topic", key=None, value=f"[{text}]".encode(),
                                timestamp_ms=int(sent.timestamp() * 1000))
            self.stocks += rows

    def poison(self, topic="coin_topic"):
        for value in (b'{"coin_name":"bitcoin","current_price":\xff', b"", None, b'{"coin_name":"bitcoin"}'):
            self._producer.send(topic, key=b"bad", value=value)
            self.dead += 1

    def transaction(self, count, commit):
        """What ends in a mark that is no message, and what was taken back."""
        producer = kafka.KafkaProducer(bootstrap_servers=f"127.0.0.1:{self._port}", acks="all",
                                       transactional_id=f"t{self._number}")
        producer.init_transactions()
        producer.begin_transaction()
        for _ in range(count):
            coin, text, row, seen = self.coin_message()
            producer.send("coin_topic", key=coin.encode(), value=text.encode(),
                          timestamp_ms=int(seen.timestamp() * 1000))
            if commit:
                self.coins.append(row)
        producer.flush()
        producer.commit_transaction() if commit else producer.abort_transaction()
        producer.close()

    def flush(self):
        self._producer.flush()

    def begin(self, pause=0.2):
        """Goes on sending, beside whatever the test does, until `end`."""
        def work():
            while not self._stop.wait(pause):
                self.send_coins(40)
                self.send_stocks(2)
        self._stop.clear()
        self._thread = threading.Thread(target=work)
        self._thread.start()

    def end(self):
        self._stop.set()
        if self._thread:
            self._thread.join()
            self._thread = None
        self.flush()


class Cluster:
    def __init__(self, folder, program, library, workers=3):
        self.folder, self.program = folder, os.path.abspath(program)
        self.archive = folder / "tapedeck-spark.tar.gz"
        subprocess.run([sys.executable, ROOT / "tools/spark_package.py", library, self.archive], check=True,
                       stdout=subprocess.DEVNULL)
        self.postgres = call("postgres", "start", "--dir", folder / "postgres", "--tls")
        self.kafka = call("kafka", "start", "--dir", folder / "kafka", "--secure", "--set",
                          "transaction.state.log.num.partitions=1")
        for topic in ("coin_topic", "stock_topic"):
            call("kafka", "topic", "--dir", folder / "kafka", "--name", topic, "--partitions", PARTITIONS,
                 "--set", f"message.timestamp.after.max.ms={2**63 - 1}")
        self.spark = call("spark", "start", "--dir", folder / "spark", "--workers", workers)
        (folder / "tapedeck.toml").write_text(CONFIG.format(store=self.postgres["url"], kafka=self.kafka["port"]))
        self.traffic = Traffic(self.kafka["port"])
        self.run("check", "--migrate")
        self.started = []

    def close(self):
        self.traffic.end()
        for process in self.started:
            self.kill(process)
        call("spark", "stop", "--dir", self.folder / "spark", "--kill")
        call("kafka", "stop", "--dir", self.folder / "kafka", "--kill")
        call("postgres", "stop", "--dir", self.folder / "postgres", "--mode", "immediate")

    # Programs.

    def run(self, *arguments, exits=(0,)):
        done = subprocess.run([self.program, *map(str, arguments)], cwd=self.folder, text=True, timeout=300,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert done.returncode in exits, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def _spawn(self, name, command, **options):
        log = self.folder / f"{name}{len(self.started)}.log"
        with open(log, "ab") as out:
            process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                       cwd=self.folder, start_new_session=True, **options)
        process.log = log
        self.started.append(process)
        return process

    def application(self, *options, conf=(), port=None, login="postgres", password="unused", parameters=""):
        """The application, submitted with the original's arguments and `options` behind them."""
        url = f"jdbc:postgresql://127.0.0.1:{self.postgres['port']}/market{parameters}"
        confs = [part for pair in ("spark.log.level=WARN", *conf) for part in ("--conf", pair)]
        command = [sys.executable, SERVERS / "spark.py", "submit", "--dir", self.folder / "spark", *confs,
                   "--archives", f"{self.archive}#tapedeck", ROOT / "spark/app.py",
                   f"127.0.0.1:{port or self.kafka['port']}", "coin_topic", "stock_topic", url, login,
                   "env:TAPEDECK_TEST_PASSWORD", "coin_records", "stock_records", *options]
        environment = os.environ | {"TAPEDECK_TEST_PASSWORD": password}
        return self._spawn("spark", command, env=environment)

    def loader(self):
        return self._spawn("loader", [self.program, "load"])

    def kill(self, process, how=signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, how)
        process.wait()

    def finish(self, process, code=0, seconds=1200):
        process.wait(timeout=seconds)
        assert process.returncode == code, (process.returncode, process.log.read_text(errors="replace")[-6000:])
        return process.log.read_text(errors="replace")

    def processes_of_executors(self, folder=None):
        """(pid, is a JVM) of what runs in the workers' folders: executors and their Python."""
        within = folder or f"{self.folder / 'spark'}/worker"
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                where, command = os.readlink(entry / "cwd"), (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if where.startswith(str(within)) and "work" in pathlib.Path(where).parts:
                found.append((int(entry.name), b"CoarseGrainedExecutorBackend" in command))
        return found

    def logs(self):
        """What driver and executors have written."""
        return [*(process.log for process in self.started), *self.folder.glob("spark/worker*/**/std*")]

    # What is in the database.

    def sql(self, text, *values):
        connection = psycopg2.connect(self.postgres["url"])
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(text, values)
                return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def dump(self):
        """Takes a dump, and gives what brings it back, in one transaction, as an administrator would."""
        file = self.folder / "dump"
        subprocess.run(["pg_dump", "--format=custom", f"--file={file}", self.postgres["url"]], check=True)
        return lambda: subprocess.run(["pg_restore", "--clean", "--single-transaction",
                                       f"--dbname={self.postgres['url']}", file], check=True)

    def rows(self):
        return self.sql("select (select count(*) from coin_records) + (select count(*) from stock_records)")[0][0]

    def loaded(self):
        return self.sql("select coalesce(sum(next_offset), 0) from offsets")[0][0]

    def loads_more(self, count=1, seconds=1200):
        """Waits until so many messages more are loaded."""
        before = self.loaded()
        wait_until(lambda: self.loaded() >= before + count, "messages to be loaded", seconds)

    def compare(self):
        """One to one: each price that was sent is a row, and each row is a price that was sent."""
        iso = "to_char({} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
        coins = self.sql(f"select coin, price::text, {iso.format('date')}, {iso.format('slot')} from coin_records")
        stocks = self.sql(f"select stock, price::text, {iso.format('date')}, previous_close::text from stock_records")
        for name, rows, sent in (("coin", coins, self.traffic.coins), ("stock", stocks, self.traffic.stocks)):
            has, must = collections.Counter(map(tuple, rows)), collections.Counter(sent)
            missing, more = list((must - has).elements()), list((has - must).elements())
            assert not missing and not more, (f"{name}: {len(sent)} sent, {len(missing)} missing, {len(more)} too "
                                              f"many", missing[:3], more[:3])
        assert self.sql("select count(*) from dead_letters")[0][0] == self.traffic.dead
        assert self.sql("select count(*) from duplicates")[0][0] == 0
        return len(coins), len(stocks)
