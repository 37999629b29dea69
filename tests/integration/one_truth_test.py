"""Every verb says the same of a slot: the demo's first moment and its restart after a kill, what was
collected by hand, a recorder that starts beside it, a DAG that is resumed; and the demo and real
prices are kept apart. The scenarios run beside one another, as most of them wait for a minute."""
import datetime
import errno
import json
import os
import signal
import sqlite3
import subprocess
import threading
import time

import program_test
from program_test import PROGRAM, Site, World, ended, wait_until, without_config


def wait_for_second(first, last):
    """Until the machine's clock stands within these seconds of a minute."""
    wait_until(lambda: first <= time.time() % 60 <= last, f"seconds {first} to {last}")


def rows(world, sql, file="tapedeck.db"):
    with sqlite3.connect(f"file:{world.folder / file}?mode=ro", uri=True) as database:
        return database.execute(sql).fetchall()


def demo(world, *arguments):
    process = subprocess.Popen([PROGRAM, "demo", "--plain", *arguments], cwd=world.folder,
                               env=without_config(), stderr=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, text=True)
    lines = []

    def read():
        for line in process.stderr:
            lines.append(line)

    threading.Thread(target=read, daemon=True).start()
    return process, lines


def states_of(world, *config):
    feeds = json.loads(world.expect(0, *config, "status", "--json"))["feeds"]
    sums = [feed["all"] for feed in feeds]
    return {state: sum(each[state] for each in sums) for state in sums[0]}


def demos_first_moment():
    """At this speed the demo's clock starts exactly at a slot: it is run or was never expected."""
    world = World(1)
    process, lines = demo(world, "--speed", "600", "--slots", "1")
    assert process.wait(timeout=120) == 0, lines
    world.expect(0, "--config", "demo", "audit")
    states = states_of(world, "--config", "demo")
    assert states["expected"] == sum(states.values()) - states["expected"], states
    health = json.loads(world.expect(0, "--config", "demo", "status", "--json"))["sources"]
    told = json.loads(world.expect(0, "--config", "demo", "sources", "--json"))
    asked = {source["source"] for source in told if source["asked"]}
    assert asked, told
    assert asked <= {source["source"] for source in health if source["state"] != "unasked"}, health
    stored = rows(world, "select count(*) from coverage", "tapedeck-demo.db")[0][0]
    assert stored <= states["expected"] - states["closed"], (stored, states)
    for feed, slot, instrument in rows(
            world, "select feed, slot, instrument from coverage where state = 'missed'",
            "tapedeck-demo.db"):
        moment = datetime.datetime.fromtimestamp(slot / 1e6, datetime.timezone.utc)
        world.expect(0, "--config", "demo", "why", feed, instrument,
                     moment.strftime("%Y-%m-%dT%H:%M:%SZ"), says="missed")


def killed_demo():
    """What it had begun is accounted for, its night is not expected, and its clock goes on."""
    world = World(1)
    process, lines = demo(world)
    wait_until(ended(lines, times=2), "the first slot of both feeds")
    process.kill()
    process.wait()
    latest = rows(world, "select max(date) from coin_records", "tapedeck-demo.db")[0][0] or 0
    latest = max(latest, rows(world, "select max(timestamp) from messages",
                              "tapedeck-demo.db")[0][0])
    process, lines = demo(world, "--slots", "1")
    assert process.wait(timeout=120) == 0, lines
    states = states_of(world, "--config", "demo")
    assert states["withdrawn"] == 0 and states["pending"] == 0, states
    world.expect(0, "--config", "demo", "audit")
    begun = rows(world, "select at from config_history order by id", "tapedeck-demo.db")
    assert len(begun) == 3 and begun[1][0] >= latest, (begun, latest)
    assert begun == sorted(begun), begun


def kept_apart():
    site = Site()
    world = World(site.server_port)
    wait_for_second(0, 15)
    world.expect(0, "collect", "coin")
    world.expect(0, "load", "--until-end")
    before = rows(world, "select * from coin_records")
    real = "store.url=\"sqlite:tapedeck.db\""
    world.expect(1, "demo", "--plain", "--slots", "1", "--set", real, says="keeps out of it")
    assert rows(world, "select * from coin_records") == before
    assert rows(world, "select count(*) from config_history") == [(0,)]
    process, lines = demo(world, "--slots", "1")
    assert process.wait(timeout=120) == 0, lines
    simulated = "store.url=\"sqlite:tapedeck-demo.db\""
    counted = "select count(*) from coin_records"
    before = rows(world, counted, "tapedeck-demo.db")
    world.expect(1, "--set", simulated, "run", says="is the demo's")
    world.expect(1, "--set", simulated, "collect", "coin", says="is the demo's")
    assert rows(world, counted, "tapedeck-demo.db") == before
    assert not any("127.0.0.1" in str(path) for path in site.asked)


def tried_by_hand():
    """A failed try is known to every verb; the recorder that starts afterwards denies nothing."""
    site = Site()
    site.status = 404
    world = World(site.server_port)
    wait_for_second(0, 15)
    told = json.loads(world.expect(4, "collect", "coin", "--json"))
    world.expect(0, "load", "--until-end")
    gaps = json.loads(world.expect(4, "gaps", "--json"))
    assert [(gap["slot"], gap["reason"]) for gap in gaps] == [(told["slot"], "not_found")] * 2, gaps
    world.expect(0, "why", "coin", "bitcoin", told["slot"], says="not_found")
    assert world.states()["failed"] == 2 == world.states()["expected"], world.states()
    world.expect(0, "audit")
    site.status = 200
    process, lines = world.start()
    wait_until(ended(lines), "a slot")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0, lines
    states = world.states()
    assert (states["failed"], states["missed"]) == (2, 0) and states["recorded"] >= 2, states
    world.expect(0, "audit")
    problems = rows(world, "select what from problems")  # the failed slot's, if it was told of
    assert not any("nobody_ran" in what for what, in problems), problems


def no_other_slot():
    site = Site()
    world = World(site.server_port)
    wait_for_second(0, 10)
    now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    told = lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    yesterday = told(now - datetime.timedelta(days=1))
    world.expect(2, "collect", "coin", "--slot", yesterday, says="the next is")
    world.expect(3, "collect", "coin", "--slot", told(now).replace(":00Z", ":01Z"), says="no slot")
    world.expect(2, "collect", "coin", "--slot", told(now), "--off-schedule")
    assert site.asked == []
    world.expect(0, "collect", "coin", "--slot", told(now))
    off = json.loads(world.expect(0, "collect", "coin", "--off-schedule", "--json"))
    assert off["slot"] is None, off
    world.expect(0, "load", "--until-end")
    found = rows(world, "select slot, price from coin_records order by slot")
    assert found == [(None, "22470.52")] * 2 + [(int(now.timestamp()) * 10**6, "22470.52")] * 2, found
    assert world.states()["recorded"] == 2 == world.states()["expected"], world.states()
    world.expect(0, "audit")


def until():
    """It ends then though nothing happens meanwhile."""
    world = World(1)
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5)
    began = time.monotonic()
    world.expect(0, "--set", 'dag.coin_market_record.schedule="0 0 1 1 *"', "run", "--until",
                 end.strftime("%Y-%m-%dT%H:%M:%SZ"))
    assert time.monotonic() - began >= 3, "it did not wait"


def resumed_within_the_grace():
    site = Site()
    world = World(site.server_port)
    process, lines = world.start()
    world.expect(0, "dag", "pause", "coin_market_record")
    minute = int(time.time()) // 60 + 1
    wait_until(lambda: time.time() >= minute * 60 + 3, "the slot")
    world.expect(0, "dag", "resume", "coin_market_record")
    wait_until(ended(lines), "the slot's prices", limit=40)
    slots = rows(world, "select distinct slot from dag_runs")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0, lines
    assert (minute * 60 * 10**6,) in slots, (minute, slots)


def full_disk():
    """Nothing that a recorder on a full disk missed is called nobody's, then or afterwards."""
    assert os.geteuid() == 0, "only root can mount a small disk"
    world = World(1)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", world.folder], check=True)
    try:
        recording_on_a_full_disk(world)
    finally:
        subprocess.run(["umount", "-l", world.folder], check=True)


def recording_on_a_full_disk(world):
    def status():
        return json.loads(world.expect(0, "--config", "demo", "status", "--json"))

    process, lines = demo(world, "--speed", "60")
    wait_until(lambda: any('"slot_collected"' in line for line in lines), "a slot")
    with open(world.folder / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(b"x" * 4096):
                pass
        except OSError as full:
            assert full.errno == errno.ENOSPC, full
    wait_until(lambda: any("disk is full" in line for line in lines), "a full disk", limit=60)
    time.sleep(15)  # three slots of the demo's
    assert "can write nothing: the disk of tapedeck-demo" in status()["recording"], status()
    gaps = json.loads(world.tell("--config", "demo", "gaps", "--json")[1])
    assert not [gap for gap in gaps if gap["reason"] == "nobody_ran"], gaps
    (world.folder / "filler").unlink()
    collected = len(lines)
    wait_until(lambda: sum('"slot_collected"' in line for line in lines[collected:]) >= 4,
               "slots after the disk has room", limit=60)
    assert status()["recording"].startswith("recording"), status()
    gaps = json.loads(world.expect(4, "--config", "demo", "gaps", "--json"))
    missed = [gap for gap in gaps if gap["state"] == "missed"]
    assert missed and all("disk is full" in gap["what"] for gap in missed), gaps
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0, lines
    world.expect(0, "--config", "demo", "audit")


program_test.run_all([demos_first_moment, killed_demo, kept_apart, tried_by_hand, no_other_slot,
                      until, resumed_within_the_grace, full_disk])
