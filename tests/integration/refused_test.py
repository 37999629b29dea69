"""A recorder and a loader beside a database that refuses them for a while: each slot is collected
on time, `waiting` says why and never the password, SIGTERM ends them at once, and when somebody has
mended it every price is there once. The scenarios run beside one another, each with a database,
and a role, of its own."""
import atexit
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import program_test
from program_test import CONFIG, PROGRAM, Site, ended, wait_until, without_config

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "servers"))
from starters import call  # noqa: E402

PSQL = "/usr/lib/postgresql/15/bin/psql"
PROMPTLY = 10  # seconds for SIGTERM, on a busy machine; nothing of the kind waits less than 60


class Server:
    """A server of the test's own, by its starter."""

    def __init__(self, kind, *arguments):
        self.kind = kind
        self.folder = pathlib.Path(tempfile.mkdtemp())
        atexit.register(self.end)
        self.state = self.run("start", *arguments)

    def run(self, verb, *arguments):
        return call(self.kind, verb, "--dir", self.folder / "server", *arguments)

    def end(self):
        self.run("stop")
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Server):
    """Asks every role but its superuser for a password."""

    def __init__(self, *settings):
        super().__init__("postgres", "--set", "fsync=off", *settings)
        self.port = self.state["port"]
        self.rules("host all all 127.0.0.1/32 scram-sha-256")

    def psql(self, sql, database="postgres"):
        done = subprocess.run([PSQL, "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.state["socket"], "-p",
                               str(self.port), "-U", "postgres", "-d", database, "-c", sql],
                              capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def rules(self, lines):
        (pathlib.Path(self.state["socket"]) / "data/pg_hba.conf").write_text(
            f"local all all trust\nhost all postgres 127.0.0.1/32 trust\n{lines}\n")
        self.psql("select pg_reload_conf()")


class World(program_test.World):
    def __init__(self, name, server, port=None):
        self.site = Site()
        super().__init__(self.site.server_port)
        self.name, self.server = name, server
        server.psql(f"create role {name} login password 'the-first-{name}'")
        server.psql(f"create database {name} owner {name}")
        self.password("the-first")
        (self.folder / "tapedeck.toml").write_text(CONFIG + f"""
[store]
url = "postgresql://{name}@127.0.0.1:{port or server.port}/{name}"
secret = "db"
[secret.db]
file = "password"
[tape]
url = "sqlite:tape.db"
""")
        self.said = []

    def password(self, text):
        (self.folder / "password").write_text(f"{text}-{self.name}\n")

    def launch(self, *arguments):
        process = subprocess.Popen([PROGRAM, *arguments], cwd=self.folder, stderr=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, text=True, env=without_config())
        self.said.append([])
        threading.Thread(target=lambda lines: lines.extend(process.stderr), args=(self.said[-1],),
                         daemon=True).start()
        return process

    def says(self, *words, since=0):
        return any(all(word in line for word in words) for line in self.said[-1][since:])

    def end(self, process, code=0):
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == code, self.said[-1]
        took = time.monotonic() - began
        assert took < PROMPTLY, f"{self.name}: SIGTERM took {took:.1f} s: {self.said[-1]}"
        for line in self.said[-1]:
            assert "the-first" not in line and "the-second" not in line, line

    def cut(self):
        self.server.psql("select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where usename = "
                         f"'{self.name}'")

    def check_prices(self, slots):
        """Every slot that was asked for is there, once, as it was answered."""
        rows = self.server.psql("select instrument, count(*), count(distinct slot), string_agg(distinct price::text,"
                                " ' ') from coin_records group by 1 order by 1", self.name).splitlines()
        assert len(rows) == 2, rows
        for row in rows:
            _, count, distinct, prices = row.split("|")
            assert (count, prices) == (distinct, "22470.52") and int(count) >= slots, (rows, slots)


def while_it_runs(name, server, refuse, allow, words):
    """Refused between two slots, a slot is collected, then it is mended, and a slot is collected."""
    world = World(name, server)
    process = world.launch("run")
    wait_until(ended(world.said[-1]), "the first slot", limit=150)
    wait_until(lambda: world.server.psql("select count(*) from coin_records", name) == "2", "its rows")
    refuse(world)
    world.cut()
    wait_until(lambda: world.says('"waiting"', words), f"{name}: waiting, {words}", limit=150)
    slots = len(world.site.asked)
    wait_until(lambda: len(world.site.asked) >= slots + 2, f"{name}: a slot meanwhile", limit=150)
    assert process.poll() is None, world.said[-1]
    told = len(world.said[-1])
    allow(world)
    wait_until(lambda: world.says('"recovered"', since=told), f"{name}: recovered", limit=90)
    slots = len(world.site.asked)
    wait_until(lambda: len(world.site.asked) >= slots + 2, f"{name}: a slot afterwards", limit=150)
    world.end(process)
    world.expect(0, "load", "--until-end")
    world.check_prices(3)
    # And once more, where it is refused as it ends, and as it begins.
    refuse(world)
    world.cut()
    for arguments in (["run"], ["load"]):
        process = world.launch(*arguments)
        wait_until(lambda: world.says("waiting", words), f"{name}: {arguments} waits")
        assert process.poll() is None, world.said[-1]
        world.end(process)
    world.expect(6, "status", says=words)
    world.expect(6, "load", "--until-end", says=words)
    allow(world)
    process = world.launch("run")
    wait_until(ended(world.said[-1], "recorder_ready"), f"{name}: ready", limit=90)
    refuse(world)
    world.cut()
    wait_until(lambda: world.says('"waiting"', words), f"{name}: waiting again", limit=150)
    world.end(process)
    allow(world)
    world.expect(0, "load", "--until-end")
    world.expect(0, "audit")


def another_password(server):
    def refuse(world):
        server.psql(f"alter role {world.name} password 'the-second-{world.name}'")
        world.password("the-first")

    while_it_runs("rotated", server, refuse, lambda world: world.password("the-second"),
                  "password authentication failed")


def a_secret_that_is_being_written(server):
    """Truncated first, as editors do it."""
    world = World("written", server)
    (world.folder / "password").write_text("")
    process = world.launch("run")
    wait_until(lambda: world.says("waiting", "password is empty"), "waiting for the file")
    world.password("the-first")
    wait_until(ended(world.said[-1], "recorder_ready"), "ready")
    world.end(process)


def another_name(server):
    def rename(old, new):
        def to(_):  # which needs a moment in which nobody is connected
            for left in range(100, -1, -1):
                try:
                    return server.psql("select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity where"
                                       f" datname = '{old}'; alter database {old} rename to {new}")
                except AssertionError:
                    if left == 0:
                        raise
        return to

    while_it_runs("renamed", server, rename("renamed", "elsewhere"), rename("elsewhere", "renamed"), "does not exist")


def no_connection_left(server):
    while_it_runs("crowded", server,
                  lambda world: server.psql("alter role crowded connection limit 0"),
                  lambda world: server.psql("alter role crowded connection limit -1"), "too many connections")


def kept_out(server):
    while_it_runs("rejected", server,
                  lambda world: server.rules("host all rejected 127.0.0.1/32 reject\n"
                                             "host all all 127.0.0.1/32 scram-sha-256"),
                  lambda world: server.rules("host all all 127.0.0.1/32 scram-sha-256"), "pg_hba.conf")


def rights_taken(server):
    """Of reading, too; and a table that somebody has put aside."""
    def refuse(world):
        server.psql("alter table coverage rename to coverage_aside; alter table coin_records owner to postgres;"
                    " revoke all on coin_records from public, taken", "taken")

    def allow(world):
        server.psql("alter table coverage_aside rename to coverage; alter table coin_records owner to taken", "taken")

    world = World("taken", server)
    process = world.launch("run")
    wait_until(ended(world.said[-1]), "the first slot", limit=150)
    wait_until(lambda: server.psql("select count(*) from coin_records", "taken") == "2", "its rows")
    refuse(world)
    slots = len(world.site.asked)
    wait_until(lambda: len(world.site.asked) >= slots + 2, "a slot meanwhile", limit=150)
    wait_until(lambda: world.says('"waiting"', "permission denied for table coin_records"), "waiting", limit=90)
    assert process.poll() is None, world.said[-1]
    allow(world)
    slots = len(world.site.asked)
    wait_until(lambda: len(world.site.asked) >= slots + 2, "a slot afterwards", limit=150)
    world.end(process)
    world.expect(0, "load", "--until-end")
    world.check_prices(3)
    world.expect(0, "audit")


def a_pooler_with_too_few(server):
    """Three are needed at once; it is told, and ends with a signal, whatever was asked last."""
    pooler = Server("pgbouncer", "--to", str(server.port), "--set", "pool_mode=session", "--set", "default_pool_size=2")
    world = World("pooled", server, pooler.state["port"])
    for arguments in (["run"], ["load"]):
        process = world.launch(*arguments)
        wait_until(lambda: world.says("aiting", "no connection free"), f"{arguments}: waiting", limit=90)
        assert process.poll() is None, world.said[-1]
        world.end(process)
    world.expect(1, "check", says="a pooler before it has no connection free")
    pooler = Server("pgbouncer", "--to", str(server.port), "--set", "pool_mode=transaction")
    world = World("lent", server, pooler.state["port"])
    process = world.launch("run")
    wait_until(lambda: world.says("waiting", "pool_mode = session"), "waiting for another mode")
    world.end(process)
    world.expect(1, "check", says="pool_mode = session")
    promised = promised_connections()
    enough = promised["run"] + promised["check"] + 1
    pooler = Server("pgbouncer", "--to", str(server.port), "--set", "pool_mode=session",
                    "--set", f"default_pool_size={enough}")
    world = World("fine", server, pooler.state["port"])
    process = world.launch("run")
    wait_until(ended(world.said[-1]), "a slot", limit=150)
    wait_until(lambda: server.psql("select count(*) from coin_records", "fine") == "2", "its rows")
    world.expect(0, "check", says="taken back")
    world.end(process)
    world.expect(0, "audit")


def promised_connections():
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs/postgres.md").read_text()
    promised = {verb: int(count) for verb, count in re.findall(r"^\| `(run|load|status|check)` \|.*\| (\d+) \|$", page,
                                                               re.MULTILINE)}
    assert set(promised) == {"run", "load", "status", "check"}, promised
    return promised


def connections_of_each(server):
    """As docs/postgres.md says how many there are."""
    world = World("counted", server)
    promised = promised_connections()
    most, over = 0, threading.Event()

    def watch():
        nonlocal most
        while not over.is_set():
            most = max(most, int(server.psql("select count(*) from pg_stat_activity where usename = 'counted'")))

    def counted(step):
        nonlocal most
        most = 0
        over.clear()
        watcher = threading.Thread(target=watch)
        watcher.start()
        step()
        over.set()
        watcher.join()
        return most

    def run():
        process = world.launch("run")
        wait_until(ended(world.said[-1], times=2), "two slots", limit=200)
        time.sleep(2)
        world.end(process)

    seen = {"run": counted(run)}
    for verb in ("load", "status", "check"):
        arguments = [verb, "--until-end"] if verb == "load" else [verb]
        seen[verb] = counted(lambda: [world.expect(0, *arguments) for _ in range(3)])
    for verb, count in seen.items():
        assert 0 < count <= promised[verb], (verb, seen, promised)
    assert seen["run"] >= promised["run"] - 1, (seen, promised)  # its second reader may not be seen


def a_topic_that_was_deleted(server):
    """`check` looks at the ledger's places on the tape, too."""
    kafka = Server("kafka")
    world = World("topical", server)
    config = world.folder / "tapedeck.toml"
    config.write_text(config.read_text().replace("sqlite:tape.db", f"kafka://127.0.0.1:{kafka.state['port']}"))
    for _ in range(3):
        world.expect(0, "collect", "coin", "--off-schedule")
    world.expect(0, "load", "--until-end", says="6 rows")
    world.expect(0, "check", says="taken back")
    kafka.run("delete", "--name", "coin_topic")
    world.expect(1, "check", says="is not on the tape any more: it was deleted")
    kafka.run("topic", "--name", "coin_topic", "--partitions", "1")
    world.expect(1, "check", says="it was deleted and made anew")


def who_is_started_again(server):
    """By deploy/tapedeck.service: whoever waiting would help, and nobody who needs another configuration."""
    unit = (pathlib.Path(__file__).resolve().parents[2] / "deploy/tapedeck.service").read_text()
    kept_down = set(re.search(r"^RestartPreventExitStatus=(.*)$", unit, re.MULTILINE).group(1).split())
    world = World("served", server)
    recorder = world.launch("run")
    wait_until(ended(world.said[-1], "recorder_ready"), "ready")
    ends = {"another holds the lease": (world.tell("run")[0], False)}
    world.end(recorder)
    config = world.folder / "tapedeck.toml"
    text = config.read_text()
    config.write_text(text.replace("schedule", "shedule"))
    ends["a mistake in the configuration"] = (world.tell("run")[0], True)
    config.write_text(text.replace("[secret.db]", "[secret.other]"))
    ends["a secret that nobody configured"] = (world.tell("run")[0], True)
    config.write_text(text)
    ends["no such option"] = (world.tell("run", "--no-such")[0], True)
    ends["no such file"] = (world.tell("--config", "other.toml", "run")[0], True)
    (world.folder / "password").unlink()
    ends["a secret that is not there"] = (world.tell("load", "--until-end")[0], False)
    world.password("the-second")
    ends["a database that refuses"] = (world.tell("load", "--until-end")[0], False)
    for end, (code, is_for_a_person) in ends.items():
        assert code != 0 and (str(code) in kept_down) == is_for_a_person, (end, code, kept_down)


def beside(server, *scenarios):
    def bound(scenario):
        step = lambda: scenario(server)
        step.__name__ = scenario.__name__
        return step
    return [bound(each) for each in scenarios]


if __name__ == "__main__":
    one = Postgres("--set", "max_connections=200")
    own = Postgres()  # its rules are everybody's
    program_test.run_all(
        beside(one, another_password, a_secret_that_is_being_written, another_name, no_connection_left, rights_taken,
               a_pooler_with_too_few, connections_of_each, a_topic_that_was_deleted, who_is_started_again) + beside(own, kept_out))
