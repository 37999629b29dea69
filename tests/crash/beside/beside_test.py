"""Whatever else happens beside the recorder, no price is lost and no verb says otherwise.

    beside_test.py PROGRAM [--store sqlite|postgres|kafka] [--only CASE]... [--except CASE]... [--list]

Each action of actions.py is a case: a recorder, the action beside it over one slot and into the next,
kill -9 in the middle of that, another recorder, and the comparison. The case `mix` does all that mix,
in an order that the seed tells, while somebody looks. TAPEDECK_SEED=N repeats a seed, TAPEDECK_LONG=1
mixes for half an hour. The cases run beside one another, as most of their time is waiting for a minute.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import zlib

from actions import ACTIONS
from comparison import faults_of
from databases import Servers
from demo_case import demo
from world import DRAINED, World

LONG = "TAPEDECK_LONG" in os.environ
MIX_SECONDS = 1800 if LONG else 110
LONG_ALONE = {"begin_exclusive_long"}
LOOKS = ["status", "gaps", "audit", "export", "why", "plot", "next", "sources", "slots", "config",
         "dag_list", "dag_show", "instruments", "check", "backup", "kill_readers", "copy_files"]


def over_a_slot(world, action):
    """The action within a slot, and into the next one."""
    slot = world.next_slot()
    world.wait_until(slot + action.begins)
    until = slot + 65
    action.act(world)
    while action.again and time.time() < until:
        time.sleep(world.random.uniform(0.1, 1))
        action.act(world)
    world.wait_until(slot + 62)


def one_of_many(world, names):
    slot = world.next_slot()
    while time.time() < slot + 65:
        time.sleep(world.random.uniform(0, 0.5))
        ACTIONS[world.random.choice(names)].act(world)


def all_looks(world, _=None):
    one_of_many(world, LOOKS)


def all_tools(world, _=None):
    """Whatever is done over and over, and by more than looking."""
    one_of_many(world, [one.name for one in doings(world) if one.again])


def doings(world):
    return [one for one in ACTIONS.values() if one.mixes and world.kind in one.stores and one.name not in LOOKS
            and one.name not in world.left_out and (os.getuid() == 0 or not one.root)]


def mix(world, _=None):
    """One who looks, and one who does the rest."""
    done, trouble = threading.Event(), []

    def looking():
        while not done.wait(0.1):
            try:
                ACTIONS[world.random.choice(LOOKS)].act(world)
            except Exception as error:
                trouble.append(error)
                return

    looker = threading.Thread(target=looking, name="looker")
    looker.start()
    try:
        until = time.time() + MIX_SECONDS
        while time.time() < until and not trouble:
            time.sleep(world.random.uniform(0, 3))
            world.hold = world.random.randrange(5, 40)
            world.random.choice(doings(world)).act(world)
            if world.recorders[-1].ended:  # who may end by itself is started again, as by systemd
                world.record()
    finally:
        done.set()
        looker.join()
    if trouble:
        raise trouble[0]


def killed_and_settled(world):
    """kill -9 in the middle of a slot's answers, a new recorder, its end, and the last word on all."""
    recorder = world.recorders[-1]
    if not recorder.ended:
        within = 2 < time.time() % 60 < 10
        world.wait_until((time.time() if within else world.next_slot() + 4) + world.random.uniform(0, 3))
        world.say("SIGKILL to the recorder")
        recorder.end(signal.SIGKILL)
    last = world.start()
    last.until_ready()
    world.wait_until(min(world.next_slot() - 3, time.time() + 20))
    assert last.end(signal.SIGTERM) == 0, "".join(last.said[-10:])
    world.wait_until((int(last.ended) // 60) * 60 + DRAINED + 2)


def sound_files(world):
    """Databases, copies included, are whole; a copy has what was there when it was begun."""
    for file in [*world.data.glob("*.db"), *(file for file, _ in world.copies)]:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            said = database.execute("pragma integrity_check").fetchone()[0]
            assert said == "ok", f"{file.name}: {said}"
    for file, before in world.copies:
        with sqlite3.connect(file) as database:
            have = {price for price, in database.execute(
                "select price from coin_records union all select price from stock_records")}
        assert before <= have, f"{file.name}: {len(before - have)} prices are not in the copy"
    if world.notes and not world.losses:
        with sqlite3.connect(world.store.path) as database:
            notes, = database.execute("select count(*) from notes").fetchone()
        assert notes == world.notes, f"{notes} of {world.notes} notes of somebody else"


def run_case(name, asked, program, servers, seed):
    act, action = SPECIAL.get(name, over_a_slot), ACTIONS.get(name)
    world = World(program, asked.store, zlib.crc32(f"{seed} {name} {asked.store}".encode()), servers)
    world.left_out = asked.except_
    try:
        if action and action.disk:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={action.disk}", "tmpfs", world.data], check=True)
            (world.data / "sources").mkdir()
            world.write_config("sqlite:tapedeck.db" if asked.store == "sqlite" else world.store.url)
        if action and action.user:
            shutil.chown(world.data, action.user)
        if name == "demo":
            return demo(world)
        world.record(user=action.user if action else None)
        act(world, action)
        if getattr(world, "is_erased", False):
            return [], 0
        killed_and_settled(world)
        sound_files(world)
        faults, rows = faults_of(world)
        return faults, rows
    except Exception:
        return [traceback.format_exc()], 0
    finally:
        if asked.keep:
            shutil.copytree(world.folder, f"{asked.keep}/{asked.store}-{name}", dirs_exist_ok=True)
        reports[name] = "\n  ".join(world.done[:3] + ["…"] + world.done[-20:] if len(world.done) > 23 else world.done)
        for recorder in world.recorders if asked.verbose else []:
            print(f"-- {name} process {recorder.pid}\n{''.join(recorder.said)}")
        if action and action.disk:
            subprocess.run(["umount", "-l", world.data], check=False)
        world.end()


SPECIAL = {"mix": mix, "looks": all_looks, "tools": all_tools, "demo": demo}
reports = {}


def chosen(asked):
    cases = [name for name in SPECIAL if asked.store == "sqlite" or name != "demo"]
    singles = [one for one in ACTIONS.values() if asked.store in one.stores]
    # What only looks is in `looks` and `mix`; alone it is run when asked for.
    cases += [one.name for one in singles if LONG or one.name not in LONG_ALONE and
              (not one.again or one.name in ("status", "foreign_table"))]
    if asked.store == "kafka" and not LONG:
        cases = ["mix"]
    if asked.only:
        cases = asked.only
    skipped = [name for name in cases if os.getuid() != 0 and name in ACTIONS and ACTIONS[name].root]
    for name in skipped:
        print(f"{name}: skipped, needs root")
    return [name for name in cases if name not in skipped and name not in asked.except_]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--store", choices=["sqlite", "postgres", "kafka"], default="sqlite")
    parser.add_argument("--only", action="append", help="this case; every action is one")
    parser.add_argument("--except", action="append", dest="except_", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep", help="copies each world's folder to here")
    parser.add_argument("--verbose", action="store_true", help="what the recorders said")
    asked = parser.parse_args()
    if asked.list:
        print("\n".join([*SPECIAL, *(one.name for one in ACTIONS.values() if asked.store in one.stores)]))
        return 0
    seed = int(os.environ.get("TAPEDECK_SEED") or random.SystemRandom().randrange(2**31))
    print(f"TAPEDECK_SEED={seed}", flush=True)
    cases, servers = chosen(asked), Servers()
    with tempfile.TemporaryDirectory(prefix="tapedeck-beside-program-") as place:
        pathlib.Path(place).chmod(0o755)
        program = shutil.copy2(os.path.realpath(asked.program), f"{place}/tapedeck")  # for any user
        with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
            running = {pool.submit(run_case, name, asked, program, servers, seed): name for name in cases}
            failed = []
            for one in concurrent.futures.as_completed(running):
                name, (faults, rows) = running[one], one.result()
                print(f"{name}: {'well' if not faults else 'FAILED'}, {rows} prices compared", flush=True)
                if faults:
                    failed.append(name)
                    print(f"  {reports[name]}\n" + "\n".join(f"  {fault}" for fault in faults[:40]), flush=True)
    if failed:
        print(f"failed: {' '.join(failed)}; again: TAPEDECK_SEED={seed} {sys.argv[0]} {asked.program} "
              f"--store {asked.store} " + " ".join(f"--only {name}" for name in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
