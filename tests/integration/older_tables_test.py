"""A look changes no table: every verb that reads is run against a database that the original made, and
a file of an older program's, which are the same afterwards, byte by byte; `check --migrate` alone brings
them up to date, and what the verbs show then is what they showed before. And a feed of arrays, from the
site to a real Kafka and PostgreSQL: one message a run, each price once."""
import atexit
import datetime
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

from program_test import PROGRAM, Site, World, without_config

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "servers"))
from starters import call  # noqa: E402
PLACE = tempfile.TemporaryDirectory(prefix="tapedeck-older-tables-")
ORIGINAL = """
create table coin_records (id serial primary key, coin text, price decimal, date timestamp not null);
create table stock_records (id serial primary key, stock text, price decimal, previous_close decimal,
  date timestamp not null);
insert into coin_records (coin, price, date) values
  ('bitcoin', 22470.5, '2023-03-01 14:05:00.123456'), ('ethereum', 1566.10, '2023-03-01 14:05:00.123456'),
  ('bnb', null, '2023-03-01 14:10:00'), ('bnb', 'NaN', '2023-03-01 14:15:00');
insert into stock_records (stock, price, previous_close, date) values
  ('Apple Inc. (AAPL)', 145.31, 147.41, '2023-03-01 14:05:01');
"""
SHOWN = ["why coin:1", "export", "export --all", "export --as-known-at 2024-01-01T00:00:00Z", "export 2023-03-01",
         "plot bitcoin --to 2024-01-01T00:00:00Z", "gaps", "audit", "sources",
         "slots coin_market_record --from 2023-03-01T00:00:00Z --to 2023-03-01T01:00:00Z"]
OTHERS = ["check", "status", "next", "dag list", "dag show coin_market_record", "sources --json"]


def server(name, *arguments):
    folder = f"{PLACE.name}/{name}"
    atexit.register(call, name, "stop", "--dir", folder)
    return call(name, "start", "--dir", folder, *arguments)


class Database:
    def __init__(self, postgres, name):
        self.place = ["-h", "127.0.0.1", "-p", str(postgres["port"]), "-U", "postgres"]
        self.name = name
        self.psql(f"create database {name}", "postgres")
        self.url = postgres["url"].rpartition("/")[0] + "/" + name

    def psql(self, sql, database=None):
        return subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *self.place, "-d", database or self.name,
                               "-c", sql], check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()

    def dump(self, *options):
        text = subprocess.run(["pg_dump", *self.place, *options, self.name], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        return [line for line in text.splitlines() if "restrict " not in line]


def shown(world):
    """What the verbs answer; none of them, as they look, says anything of the tables' shape there."""
    return {verb: world.tell("-q", *verb.split())[:2] for verb in SHOWN}


def same_as(first, world):
    for verb, answer in shown(world).items():
        assert answer == first[verb], f"{verb}: {answer}, and before {first[verb]}"


def original_database(postgres, kafka, name, zone="UTC", keeps_types=False):
    database = Database(postgres, name)
    database.psql(ORIGINAL)
    world = World(1)
    with (world.folder / "tapedeck.toml").open("a") as config:
        config.write(f'[store]\nurl = "{database.url}"\noriginal_zone = "{zone}"\n'
                     f'keep_types = {str(keeps_types).lower()}\n[tape]\nurl = "{kafka}"\n')
    before = database.dump()
    first = shown(world)
    for verb in OTHERS:
        world.tell(*verb.split())
    world.expect(0, "backup", "copy", says="the original, has left them")
    pending = world.expect(0, "check", says="pending: table coin_records of the original")
    assert "table stock_records" in pending and zone in pending or keeps_types, pending
    world.expect(1, "dag", "pause", "coin_market_record", says="`tapedeck run` makes them")
    assert database.dump() == before, "a look has changed the database"
    hours = {"UTC": "14", "America/New_York": "19"}[zone]
    code, rows = first["export"]
    assert code == 0 and rows.count("\n") == 6, rows
    assert f"coin,bitcoin,bitcoin,,2023-03-01T{hours}:05:00.123456Z,22470.5," in rows, rows
    copied = Database(postgres, name + "_copy")
    world.expect(0, "--set", f"store.url={copied.url}", "restore", "copy")
    assert copied.dump() == before, "a copy is not what was copied"

    world.expect(0, "check", "--migrate", says="table coin_records of the original")
    assert "pending" not in world.expect(0, "check")
    same_as(first, world)
    types = database.psql("select data_type from information_schema.columns where table_name = 'coin_records'"
                          " and column_name = 'date'")
    assert types == [f"timestamp with{'out' if keeps_types else ''} time zone"], types
    after = database.dump("-s")
    for verb in SHOWN + OTHERS:
        world.tell(*verb.split())
    world.expect(0, "check", "--migrate")
    assert database.dump("-s") == after
    world.expect(0, "dag", "pause", "coin_market_record")


def older_file():
    """The same rule for a file."""
    world = World(Site().server_port)
    world.expect(0, "collect", "coin", "--off-schedule")
    world.expect(0, "load", "--until-end")
    file = world.folder / "tapedeck.db"
    database = sqlite3.connect(file, isolation_level=None)
    for table in ("loaded_topics", "dead_letter_ends", "dead_letter_tries", "stalls", "loading_starts"):
        database.execute(f"drop table {table}")
    database.execute("delete from schema_version where part = 'store' and version > 6")
    database.close()
    before = file.read_bytes()
    first = shown(world)
    assert first["export"][1].count("\n") == 3, first
    world.expect(0, "check", says="pending: the file is an older program's")
    assert file.read_bytes() == before, "a look has changed the file"
    world.expect(0, "check", "--migrate", says="up to date")
    assert "pending" not in world.expect(0, "check")
    same_as(first, world)


def slot_with_time_left():
    """The slot of this minute, with most of the time left for its answers."""
    while time.time() % 60 > 5:
        time.sleep(0.2)
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:00Z")


def arrays(postgres, kafka):
    """A run is one message; one that is sent again, or killed, gives no price twice and loses none."""
    site, database = Site(), Database(postgres, "arrays")
    world = World(site.server_port)
    text = (world.folder / "tapedeck.toml").read_text()
    form = {"array": text.replace('sources = ["bench"]', 'sources = ["bench"]\nmessage = "array"', 1), "object": text}
    common = f'[store]\nurl = "{database.url}"\n[tape]\nurl = "{kafka}"\npartitions = 1\n'

    def configure(message):
        (world.folder / "tapedeck.toml").write_text(form[message] + common)

    def sent(*arguments):
        told = json.loads(world.expect(0, "--json", "collect", "coin", *arguments))
        return [outcome["offset"] for outcome in told["outcomes"]]

    configure("array")
    assert "on coin_topic, an array a run" in world.expect(0, "check")
    slot = slot_with_time_left()
    site.hangs.add("ethereum")
    killed = subprocess.Popen([PROGRAM, "collect", "coin", "--slot", slot], cwd=world.folder, env=without_config())
    while "/ethereum" not in site.asked:
        time.sleep(0.05)
    time.sleep(1)  # bitcoin's answer is there
    killed.kill()
    killed.wait()
    site.hangs.clear()
    assert sent("--slot", slot) == [0, 0], "one message, and the first: the killed one has sent none"
    assert sent("--slot", slot) == [1, 1]
    assert sent("--off-schedule") == [2, 2]
    configure("object")
    site.late.add("ethereum")  # whose message is the second then
    assert sent("--off-schedule") == [3, 4]
    world.expect(0, "load", "--until-end")
    world.expect(0, "load", "--until-end")
    rows = database.psql("select coin, price, slot is null, count(*) from coin_records group by 1, 2, 3 order by 1, 3")
    assert rows == ["bitcoin|22470.52|f|1", "bitcoin|22470.52|t|2", "ethereum|22470.52|f|1",
                    "ethereum|22470.52|t|2"], rows
    assert database.psql("select count(*) from dead_letters") == ["0"]
    world.expect(0, "audit", says="no difference")


def main():
    postgres = server("postgres", "--set", "fsync=off")
    kafka = f"kafka://127.0.0.1:{server('kafka')['port']}"
    original_database(postgres, kafka, "as_it_was")
    original_database(postgres, kafka, "in_new_york", zone="America/New_York")
    original_database(postgres, kafka, "with_its_types", keeps_types=True)
    older_file()
    arrays(postgres, kafka)


if __name__ == "__main__":
    main()
