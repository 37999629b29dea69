"""Somebody else sends to the topic, and somebody else looks after the database: every message is a
row, a dead letter that was told of, or waited for; and a person settles the dead letters.
Real Kafka with Java's producer, real PostgreSQL, the program as it is."""
import collections
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "servers"))
from starters import call  # noqa: E402
PSQL = "/usr/lib/postgresql/15/bin/psql"
PROGRAM = os.path.abspath(sys.argv[1])
CONFIG = """[store]
url = "{store}"
[tape]
url = "kafka://127.0.0.1:{kafka}"
[feed.coin]
instruments = ["bitcoin", "ethereum"]
[feed.stock]
instruments = []
[alert]
on_problem = "cat >> {problems}; printf '\\\\n' >> {problems}"
"""


def wait_until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.2)
    return found


class World:
    def __init__(self, folder):
        self.folder = folder
        self.kafka = call("kafka", "start", "--dir", folder / "kafka")
        self.postgres = call("postgres", "start", "--dir", folder / "postgres")
        self.sent = []  # (key, value) by offset: one partition
        for topic in ("coin_topic", "stock_topic", "tapedeck_outcomes"):
            call("kafka", "topic", "--dir", folder / "kafka", "--name", topic, "--partitions", 1)
        (folder / "tapedeck.toml").write_text(CONFIG.format(
            store=self.postgres["url"], kafka=self.kafka["port"], problems=folder / "problems"))

    def end(self):
        call("kafka", "stop", "--dir", self.folder / "kafka", "--kill")
        call("postgres", "stop", "--dir", self.folder / "postgres", "--mode", "immediate")

    def send(self, messages):
        file = self.folder / "messages"
        file.write_text("".join(f"{key}\t{value}\n" for key, value in messages))
        call("kafka", "produce", "--dir", self.folder / "kafka", "--name", "coin_topic",
             "--file", file)
        self.sent += messages

    def sql(self, text):
        return subprocess.run([PSQL, "-XqAt", "-v", "ON_ERROR_STOP=1", self.postgres["url"], "-c",
                               text], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def run(self, *arguments, exit=0):
        done = subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                              env={k: v for k, v in os.environ.items() if k != "TAPEDECK_CONFIG"})
        assert done.returncode == exit, (arguments, done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *arguments, exit=0):
        return json.loads(self.run(*arguments, "--json", exit=exit).stdout)

    def letters(self, state="open"):
        return self.json("dead-letters", "list", "--state", state)

    def problems(self):
        return {one["key"]: one["what"] for one in self.json("status")["problems"]}

    def accounted(self):
        """Each offset of the topic once: by a row of its price, or by a dead letter."""
        rows = collections.Counter(self.sql("select coin || ' ' || price from coin_records").split("\n"))
        dead = {}
        for one in self.letters("all"):
            if one["state"] != "retried":
                dead[one["offset"]] = one
        for offset, (_, value) in enumerate(self.sent):
            if offset in dead:
                continue
            message = json.loads(value, parse_float=str, parse_int=str)  # its very digits
            text = f"{message['coin_name']} {message['current_price']}"
            assert rows[text] > 0, (offset, text)
            rows[text] -= 1
        assert not +rows or set(+rows) == {""}, f"rows that no message explains: {+rows}"


def price(name, digits, more=""):
    return (name, f'{{"coin_name":"{name}","current_price":{digits}{more}}}')


def bad_messages_become_dead_letters_that_are_told_of(world):
    world.send([price("bitcoin", "22470.50"), ("x", "no JSON at all"), price("ethereum", "1640.10"),
                ("bitcoin", '{"coin_name":"bitcoin","current_price":"N/A"}'),
                ("bitcoin", '{"coin_name":"bitcoin"}'), price("bitcoin", "0.000000000000000001")])
    done = world.run("load", "--until-end")
    assert "messages_unreadable" in done.stderr, done.stderr
    letters = world.letters()
    assert [one["offset"] for one in letters] == [1, 3, 4], letters
    assert "3 dead letters of coin_topic" in world.problems()["dead_letters:coin_topic"]
    world.run("status", "--fail", exit=4)
    shown = world.json("dead-letters", "show", letters[0]["id"])
    assert shown["value"] == "no JSON at all" and shown["hint"], shown
    world.accounted()


def what_the_table_refuses_for_its_value_is_retried_once_it_takes_it(world):
    world.sql("alter table coin_records add constraint sane check (price < 1000000)")
    world.send([price("bitcoin", "1234567.8900"), price("bitcoin", "22471.5")])
    done = world.run("load", "--until-end")
    assert "records_refused" in done.stderr and "sane" in done.stderr, done.stderr
    letter = world.letters()[-1]
    assert letter["offset"] == 6 and "sane" in letter["reason"], letter
    still = world.json("dead-letters", "retry", letter["id"], exit=4)
    assert still["retried"] == 0 and "sane" in still["stay"][0]["reason"], still
    world.accounted()
    world.sql("alter table coin_records drop constraint sane")
    # Several at once, beside a loader: one of them makes the row.
    loader = threading.Thread(target=lambda: world.run("load", "--until-end"))
    loader.start()
    results = []
    people = [threading.Thread(target=lambda: results.append(
        world.json("dead-letters", "retry", letter["id"]))) for _ in range(4)]
    for one in people:
        one.start()
    for one in [*people, loader]:
        one.join()
    assert sorted(one["retried"] for one in results) == [0, 0, 0, 1], results
    assert sum(one["rows"] for one in results) == 1, results
    assert world.sql("select count(*), max(price) from coin_records") == "5|1234567.8900"
    world.accounted()
    world.run("audit")


def a_column_that_nobody_fills_is_waited_for_and_named(world):
    world.sql("alter table coin_records add column venue text")
    world.sql("update coin_records set venue = 'before'")
    world.sql("alter table coin_records alter column venue set not null")
    world.send([price("bitcoin", "22480.25"), price("ethereum", "1641.00")])
    loader = subprocess.Popen([PROGRAM, "load"], cwd=world.folder, stderr=subprocess.PIPE, text=True)
    told = []
    reading = threading.Thread(target=lambda: told.extend(loader.stderr))
    reading.start()
    stalled = wait_until(lambda: world.problems().get("stalled:coin_topic[0]"), "the problem")
    assert "venue" in stalled and "offset 8" in stalled, stalled
    assert len(world.letters()) == 3, "nothing became a dead letter"
    world.sql("alter table coin_records alter column venue drop not null")
    wait_until(lambda: world.sql("select count(*) from coin_records") == "7", "the rows")
    wait_until(lambda: "stalled:coin_topic[0]" not in world.problems(), "the problem's end")
    loader.send_signal(signal.SIGTERM)
    assert loader.wait(30) == 0
    reading.join()
    text = "".join(told)
    assert "partition_stalled" in text and "venue" in text and "recovered" in text, text
    world.accounted()


def dead_letters_are_dropped_with_who_and_why(world):
    world.run("dead-letters", "drop", "--topic", "coin_topic", exit=2)
    dropped = world.json("dead-letters", "drop", "--topic", "coin_topic", "--because",
                         "their sender's test")
    assert dropped["dropped"] == 3, dropped
    again = world.json("dead-letters", "drop", "--all", "--because", "again")
    assert again["dropped"] == 0, again
    one = world.letters("dropped")[0]
    assert one["why"] == "their sender's test" and "@" in one["ended_by"], one
    status = world.json("status")
    assert (status["dead_letters"], status["dead_letters_retried"],
            status["dead_letters_dropped"]) == (0, 1, 3), status
    assert not world.problems(), world.problems()
    world.accounted()
    world.run("audit")
    world.run("status", "--fail")


def what_the_tape_has_no_more_is_retried_from_what_was_kept(world):
    world.sql("alter table coin_records add constraint sane check (price < 1000000) not valid")
    world.send([price("bitcoin", "7654321.10")])
    world.run("load", "--until-end")
    world.sql("alter table coin_records drop constraint sane")
    letter = world.letters()[0]
    call("kafka", "stop", "--dir", world.folder / "kafka", "--kill")  # nor is it asked
    world.json("dead-letters", "retry", "--all")
    assert world.sql("select count(*) from coin_records where price = 7654321.10") == "1"
    assert world.json("dead-letters", "show", letter["id"])["state"] == "retried"
    call("kafka", "start", "--dir", world.folder / "kafka")
    world.accounted()
    world.run("audit")


def main():
    with tempfile.TemporaryDirectory(prefix="tapedeck-letters-") as folder:
        os.chmod(folder, 0o755)
        world = World(pathlib.Path(folder))
        try:
            for scenario in (bad_messages_become_dead_letters_that_are_told_of,
                             what_the_table_refuses_for_its_value_is_retried_once_it_takes_it,
                             a_column_that_nobody_fills_is_waited_for_and_named,
                             dead_letters_are_dropped_with_who_and_why,
                             what_the_tape_has_no_more_is_retried_from_what_was_kept):
                scenario(world)
                print("ok", scenario.__name__.replace("_", " "), flush=True)
        finally:
            world.end()


if __name__ == "__main__":
    main()
