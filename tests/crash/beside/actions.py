"""Everything that a person does beside a recorder. An action takes the world, does one thing, and
says what must hold at once; what must hold in the end is the comparison's. `again` is done over and
over while recording, anything else once in a case; `mixes` is part of the seeded mix of all."""
import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

ALL = ("sqlite", "postgres", "kafka")
FILE, SERVER = ("sqlite",), ("postgres", "kafka")
DATABASE = "tapedeck.db"


@dataclasses.dataclass(frozen=True)
class Action:
    name: str
    act: object
    stores: tuple = ALL
    again: bool = False
    mixes: bool = True
    root: bool = False     # needs root: mounts, other users
    disk: str = ""         # the data's file system is of this size
    user: str | None = None  # who records
    begins: float = 3      # seconds after a slot


ACTIONS = {}


def action(name=None, **options):
    def keep(act):
        of = name or act.__name__
        ACTIONS[of] = Action(of, act, **options)
        return act
    return keep


def looks(name, *words, codes=(0,), **options):
    ACTIONS[name] = Action(name, lambda world: world.expect(codes, *words), again=True, **options)


# ---- the reading verbs ----
looks("status", "status", "--json")
looks("gaps", "gaps", "--json", codes=(0, 4))
looks("audit", "audit", "--json", codes=(0, 4))
looks("plot", "plot", "coin0", codes=(0, 3))  # 3: no price of it yet
looks("next", "next", "--json")
looks("sources", "sources", "--json")
looks("slots", "slots", "coin_market_record", "--from", "2026-11-24", "--to", "2026-11-25")
looks("config", "config", "show")
looks("dag_list", "dag", "list")
looks("dag_show", "dag", "show", "coin_market_record")
looks("instruments", "instruments", "list")
looks("check", "check")


@action(again=True)
def why(world):
    feed, number = world.random.choice(["coin", "stock"]), world.random.randrange(1, 10)
    world.expect((0, 3), "why", f"{feed}:{number}", "--json")  # 3: no such row yet


@action(again=True)
def export(world):
    """What was exported once stays: it is compared with the rows at the end."""
    told = world.expect(0, "export", "--format", "jsonl")
    rows = [json.loads(line, parse_float=str, parse_int=str) for line in told.out.splitlines()]
    world.seen |= {row["price"] for row in rows}


@action(again=True)
def backup(world):
    if world.kind != "sqlite":
        return
    before = prices_now(world)
    file = world.folder / f"backup{len(world.copies)}.db"
    world.expect(0, "backup", str(file))
    world.copies.append((store_of(file), before))


def store_of(copy):
    """A folder where something waited in the spool as well."""
    return copy / "store.db" if copy.is_dir() else copy


def prices_now(world):
    """The prices that somebody else's process reads."""
    code, said = world.run("sqlite3", "-readonly", "-cmd", ".timeout 10000", DATABASE,
                           "select price from coin_records union all select price from stock_records")
    assert code == 0, said
    return set(said.split())


# ---- SQLite's own tools ----
def by_python(world, *statements, hold=0.0, file=DATABASE):
    """In a process of its own: opens, runs, holds what it has for a while, closes."""
    text = ("import sqlite3, sys, time\n"
            f"d = sqlite3.connect({file!r}, timeout=30, isolation_level=None)\n"
            "for s in sys.argv[1:]: d.execute(s).fetchall()\n"
            f"time.sleep({hold})\nd.close()\n")
    return world.run(sys.executable, "-c", text, *statements, said="python: " + "; ".join(statements))


@action(stores=FILE, again=True)
def python_reads(world):
    code, said = by_python(world, "select count(*) from coin_records", "select * from offsets")
    assert code == 0, said


@action(stores=FILE, again=True)
def shell_reads(world):
    code, said = world.run("sqlite3", "-cmd", ".timeout 30000", DATABASE, "select count(*) from stock_records")
    assert code == 0, said


@action(stores=FILE, again=True)
def foreign_table(world):
    """Somebody keeps notes in the same file; they are as dear as the prices."""
    code, said = by_python(world, "create table if not exists notes (text text)",
                           "insert into notes values ('one more')")
    assert code == 0, said
    world.notes += 1


@action(stores=FILE)
def begin_exclusive(world):
    by_python(world, "begin exclusive", hold=world.hold)


@action()
def lock_captures(world):
    """No price waits for its evidence; who reads the pages waits for whoever has them."""
    with world.locked():
        by_python(world, "begin exclusive", hold=world.hold, file="tapedeck.captures.db")


@action(stores=FILE)
def begin_immediate(world):
    by_python(world, "begin immediate", hold=world.hold)


@action(stores=FILE, mixes=False)
def begin_exclusive_long(world):
    by_python(world, "begin exclusive", hold=130)


for _name, _sql in {"vacuum": "vacuum", "reindex": "reindex", "checkpoint": "pragma wal_checkpoint(truncate)",
                    "journal_mode": "pragma journal_mode = delete",
                    "integrity_check": "pragma integrity_check", "dump": ".dump"}.items():
    ACTIONS[_name] = Action(_name, lambda world, sql=_sql: world.run(
        "sqlite3", "-cmd", ".timeout 20000", DATABASE, sql), FILE, again=True)


@action(stores=FILE)
def add_column(world):
    by_python(world, f"alter table coin_records add column note{len(world.done)} text")


# ---- files ----
@action(again=True)
def copy_files(world):
    copy = world.folder / "copied"
    with contextlib.suppress(FileNotFoundError):  # some come and go
        shutil.copytree(world.data, copy, dirs_exist_ok=True)


def must_end(world, word, recorder=None):
    """The recorder sees what was done to it, and ends with an error that names what was taken."""
    recorder = recorder or world.recorders[-1]
    recorder.stops_by_itself = word
    with recorder.changed:
        if not recorder.changed.wait_for(lambda: recorder.ended, 90):
            raise AssertionError(f"the recorder goes on 90 s after {world.done[-1]}")


@action(stores=FILE, mixes=False)
def move_and_back(world):
    world.run("mv", DATABASE, "moved.db")
    must_end(world, DATABASE)
    world.run("mv", "moved.db", DATABASE)


@action(stores=FILE, mixes=False)
def move_all_and_back(world):
    names = [f"{DATABASE}{suffix}" for suffix in ("", "-wal", "-shm")]
    (world.data / "away").mkdir()
    world.run("mv", *names, "away")
    must_end(world, DATABASE)
    for name in names:
        world.run("mv", f"away/{name}", name)


@action(stores=FILE, mixes=False)
def replace_by_copy(world):
    """An older copy is moved over the database, as a restore does it while somebody records."""
    copy = world.folder / "older.db"
    world.expect(0, "backup", str(copy))
    copy = store_of(copy)
    time.sleep(4)
    world.losses.append((0, time.time() + 90, "replaced|moved|deleted"))
    world.run("mv", copy, DATABASE)
    must_end(world, DATABASE)


@action(mixes=False)
def move_captures_and_back(world):
    """The pages are evidence; a price does not wait for them, and `audit` names those that are gone."""
    world.pages_moved = True
    world.run("mv", "tapedeck.captures.db", "moved.db")
    world.recorders[-1].stops_by_itself = "tapedeck.captures.db"
    time.sleep(30)
    world.run("mv", "moved.db", "tapedeck.captures.db")


@action(stores=("postgres",), mixes=False)
def move_tape_and_back(world):
    world.run("mv", "tape.db", "moved.db")
    must_end(world, "tape.db")
    world.run("mv", "moved.db", "tape.db")


@action(stores=FILE, mixes=False)
def remove_wal(world):
    """Of a database that is so young that its WAL holds all of it."""
    world.losses.append((0, time.time() + 90, "replaced|moved|deleted"))
    world.run("rm", f"{DATABASE}-wal")
    must_end(world, DATABASE)


@action(stores=FILE, mixes=False, begins=15)
def remove_wal_later(world):
    world.run("sqlite3", "-cmd", ".timeout 30000", DATABASE, "pragma wal_checkpoint(truncate)")
    world.wait_until(world.next_slot() + 3)
    remove_wal(world)


@action(stores=FILE, mixes=False)
def remove_shm(world):
    world.run("rm", f"{DATABASE}-shm")
    time.sleep(20)
    if world.recorders[-1].ended:
        must_end(world, DATABASE)


@action(stores=FILE, mixes=False)
def remove_database(world):
    """All there was is removed on purpose: only how the recorder ends is looked at."""
    world.run("rm", DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")
    must_end(world, DATABASE)
    world.is_erased = True


@action(stores=FILE, mixes=False)
def remove_lease(world):
    """A second recorder must not come beside the first, whatever became of its file."""
    world.run("rm", f"{DATABASE}-lease")
    first = world.recorders[-1]
    first.stops_by_itself = DATABASE
    second = world.start()
    second.stops_by_itself = DATABASE
    with second.changed:
        second.changed.wait_for(lambda: second.ready_at or second.ended, 60)
    time.sleep(5)
    both = not first.ended and not second.ended
    if both:
        second.end(signal.SIGKILL)
    assert not both, "two recorders record into one database"
    if first.ended is None:
        world.recorders.remove(second)
        world.recorders.insert(-1, second)


@action(again=True, root=True)
def another_user_looks(world):
    """Readers need no permission to write."""
    for words in (("status", "--json"), ("gaps", "--json"), ("audit", "--json"), ("export",)):
        world.expect((0, 4), *words, user="nobody")


@action(stores=FILE, root=True, mixes=False, user="nobody", begins=45)
def chmod_files(world):
    names = [name for name in os.listdir(world.data) if name.startswith("tapedeck.")]
    for mode in ("0444", "0000"):
        world.run("chmod", mode, *names)
        time.sleep(15)
    world.run("chmod", "0644", *names)


@action(root=True, mixes=False, disk="16m", begins=20)
def full_disk(world):
    world.losses.append((time.time() - 1, time.time() + 70, "disk|full|space|room"))
    world.run("dd", "if=/dev/zero", "of=filler", "bs=4k")
    until = time.time() + 60
    while time.time() < until:
        for words in (("status", "--json"), ("gaps", "--json"), ("audit", "--json"), ("export",)):
            world.expect((0, 4), *words)
        time.sleep(3)
    world.run("rm", "filler")


# ---- other processes of tapedeck ----
@action()
def second_recorder(world):
    """Refused; but where a DBA has just cut the lines of the first one, it may be taken for gone, and
    then the first one ends."""
    first, second = world.recorders[-1], world.start()
    with second.changed:
        second.changed.wait_for(lambda: second.ready_at or second.ended, 90)
    if second.ready_at and world.lines_cut:
        must_end(world, "lease", first)
        return
    ready, code = second.ready_at, second.process.poll()
    if not second.ended:
        second.end(signal.SIGKILL)
    world.recorders.remove(second)
    assert ready is None and code == 5, f"a second recorder: exit {code}: {''.join(second.said[-3:])}"


def only_with_kafka(world, *words):
    """Without Kafka the recorder alone writes and loads the tape; with it, a slot is one row all the
    same. Whose lines were cut may find somebody else with its lease, and then ends."""
    codes = (0, 3, 4) if world.kind == "kafka" or world.lines_cut else ()  # 3: no slot now
    if world.lines_cut:
        world.recorders[-1].stops_by_itself = "lease"
    world.expect((*codes, 5) if world.kind != "kafka" else codes, *words)


@action(again=True)
def collect(world):
    only_with_kafka(world, "collect", world.random.choice(["coin", "stock"]))


@action(again=True)
def load(world):
    only_with_kafka(world, "load", "--until-end")


@action(again=True)
def pause_and_resume(world):
    """Within a slot, so that it costs none."""
    if not 2 < time.time() % 60 < 50:
        return
    world.expect(0, "dag", "pause", "coin_market_record")
    world.expect(0, "dag", "resume", "coin_market_record")


@action(again=True)
def kill_readers(world):
    words = world.random.choice([("status",), ("gaps",), ("audit",), ("export",), ("why", "coin:1"),
                                 ("dag", "list"), ("sources",)])
    process = world.spawn(words, stdout=subprocess.DEVNULL)
    time.sleep(world.random.uniform(0, 0.3))
    process.kill()
    process.communicate()


@action()
def stand_still(world):
    world.say("SIGSTOP to the recorder for 10 s")
    world.recorders[-1].stand_still(10)


@action(begins=52, mixes=False)
def stand_still_over_a_slot(world):
    world.say("SIGSTOP to the recorder for 60 s")
    world.recorders[-1].stand_still(60)


@action()
def kill_recorder(world):
    world.say("SIGKILL to the recorder")
    world.recorders[-1].end(signal.SIGKILL)
    time.sleep(world.random.uniform(0, 5))
    world.record()


# ---- a DBA at the server ----
def by_psql(world, sql, codes=(0,)):
    code, said = world.run(*world.store.command(sql))
    assert code in codes, said


def lock(world, table):
    with world.locked():
        by_psql(world, f"begin; lock table {table} in access exclusive mode; select pg_sleep({world.hold}); commit")


for _table in ("coin_records", "offsets", "dag_runs", "dag_states", "coverage"):
    ACTIONS[f"lock_{_table}"] = Action(
        f"lock_{_table}", lambda world, table=_table: lock(world, table), SERVER)
for _name, _sql in {"vacuum_full": "vacuum full coin_records", "reindex_table": "reindex table coin_records",
                    "pg_add_column": "alter table coin_records add column if not exists note text"}.items():
    ACTIONS[_name] = Action(_name, lambda world, sql=_sql: by_psql(world, sql), SERVER, again=True)


@action(stores=SERVER)
def pg_add_column_slowly(world):
    """In a transaction that is left open: afterwards the table is another than it was."""
    with world.locked():
        by_psql(world, f"begin; alter table coin_records add column if not exists other int; "
                       f"select pg_sleep({world.hold}); commit")


@action(stores=SERVER)
def terminate_sessions(world):
    world.lines_cut = True
    with world.locked():
        by_psql(world, "select pg_terminate_backend(pid) from pg_stat_activity where datname = "
                       "current_database() and pid <> pg_backend_pid()")


@action(stores=SERVER, root=True)
def stopped_backend(world):
    """A session of the recorder's that does not go on, as on a machine that swaps."""
    sessions = world.store.psql("select pid from pg_stat_activity where datname = current_database() and "
                                "application_name like 'tapedeck%'").split()
    for session in sessions:
        os.kill(int(session), signal.SIGSTOP)
    world.say(f"SIGSTOP to the sessions {sessions} for {world.hold} s")
    world.lines_cut = True
    with world.locked():
        time.sleep(world.hold)
    for session in sessions:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(session), signal.SIGCONT)
