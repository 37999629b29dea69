"""The rows of both stores, read without tapedeck; and the servers of a run, each started once."""
import atexit
import dataclasses
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import threading

SERVERS = pathlib.Path(__file__).resolve().parents[2] / "servers"
MICROSECONDS = 1_000_000


@dataclasses.dataclass(frozen=True)
class Row:
    feed: str
    id: int
    instrument: str
    slot: float
    price: str
    previous: str | None
    name: str
    date: float
    source: str


COLUMNS = {"coin": "id, instrument, {slot}, price, null, coin, {date}, source",
           "stock": "id, instrument, {slot}, price, previous_close, stock, {date}, source"}


class FileStore:
    """An SQLite file. It is opened only where no recorder has it, or by processes of their own."""

    def __init__(self, path):
        self.path = path

    def query(self, sql):
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=60) as database:
            return database.execute(sql).fetchall()

    def rows(self):
        return [Row(feed, *one[:2], one[2] / MICROSECONDS, *one[3:6], one[6] / MICROSECONDS, one[7])
                for feed, columns in COLUMNS.items()
                for one in self.query(f"select {columns.format(slot='slot', date='date')} from {feed}_records"
                                      " where slot is not null")]

    def duplicates(self):
        return {price for price, in self.query("select other_price from duplicates")}

    def drop(self):
        pass


class ServerStore:
    """A database of its own on the run's PostgreSQL, and psql as the DBA has it."""

    def __init__(self, servers, name):
        self.server, self.name = servers.postgres(), name
        self.psql("create database " + name, database="postgres")
        self.url = self.server["url"].rpartition("/")[0] + "/" + name

    def command(self, sql, database=None):
        return ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.server["port"]),
                "-U", "postgres", "-d", database or self.name, "-c", sql]

    def psql(self, sql, database=None):
        done = subprocess.run(self.command(sql, database), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{sql}: {done.stderr}"
        return done.stdout

    def rows(self):
        rows = []
        for feed, columns in COLUMNS.items():
            listed = columns.format(slot="extract(epoch from slot)::float8", date="extract(epoch from date)::float8")
            text = self.psql(f"select json_build_array({listed.replace('price', 'price::text', 1)}) "
                             f"from {feed}_records where slot is not null"
                             .replace("previous_close", "previous_close::text"))
            rows += [Row(feed, *json.loads(line)) for line in text.splitlines()]
        return rows

    def duplicates(self):
        return set(self.psql("select other_price::text from duplicates").split())

    def drop(self):
        self.psql(f"drop database if exists {self.name} with (force)", database="postgres")


class Servers:
    """A PostgreSQL and a Kafka for all worlds of a run, started when the first world asks."""

    def __init__(self):
        self.lock, self.running = threading.Lock(), {}
        self.place = tempfile.TemporaryDirectory(prefix="tapedeck-beside-servers-")

    def start(self, name, *arguments):
        with self.lock:
            if name not in self.running:
                folder = f"{self.place.name}/{name}"
                script = [sys.executable, str(SERVERS / f"{name}.py")]
                atexit.register(subprocess.run, [*script, "stop", "--dir", folder])
                answer = subprocess.run([*script, "start", "--dir", folder, *arguments], check=True,
                                        stdout=subprocess.PIPE, text=True).stdout
                self.running[name] = json.loads(answer)
            return self.running[name]

    def postgres(self):
        return self.start("postgres", "--set", "max_connections=300")

    def kafka(self):
        return f"127.0.0.1:{self.start('kafka')['port']}"
