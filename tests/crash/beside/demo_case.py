"""The README's first two commands: a demo in one terminal, looks in others in any order, kill -9 of the
demo, and every price that it reported as sent is there. Its site is its own, so the log is believed."""
import signal
import sqlite3
import time

from comparison import seconds
from world import FEEDS

LOOKS = [("status",), ("gaps",), ("sources",), ("why", "coin:1"), ("audit",), ("plot", "bitcoin"),
         ("export",), ("next",), ("dag", "list"), ("status", "--json")]


def sent_by(recorder):
    sent = {}
    for event in list(recorder.events):
        if event.get("event") == "slot_collected":
            key = event["feed"], seconds(event["slot"])
            sent[key] = sent.get(key, 0) + event["sent"]
    return sent


def demo(world, _=None):
    recorder = world.start(("demo", "--plain"))
    recorder.wait_for(lambda: recorder.collected(), "slot_collected")
    until = time.time() + 45
    while time.time() < until:
        words = world.random.choice(LOOKS)
        world.expect((0, 3, 4) if words[0] == "why" else (0, 4), *words, "--config", "demo")
        time.sleep(world.random.uniform(0, 1))
    world.say("SIGKILL to the demo")
    recorder.end(signal.SIGKILL)
    world.expect(0, "load", "--until-end", "--config", "demo")
    gaps = world.expect((0, 4), "gaps", "--json", "--config", "demo").json()
    audit = world.expect((0, 4), "audit", "--json", "--config", "demo").json()
    faults = [f"audit: {one}" for one in audit["differences"]]
    asked, count = sent_by(recorder), 0
    with sqlite3.connect(f"file:{world.data}/tapedeck-demo.db?mode=ro", uri=True) as database:
        for (feed, slot), sent in asked.items():
            rows, = database.execute(f"select count(distinct instrument) from {feed}_records where slot = ?",
                                     (int(slot * 1_000_000),)).fetchone()
            count += rows
            if rows < sent:
                faults.append(f"{feed} {slot}: {sent} prices were reported as sent, {rows} are there")
    faults += [f"gaps: {gap}, and a run of that slot has ended" for gap in gaps
               if gap["reason"] == "nobody_ran" and (gap["feed"], seconds(gap["slot"])) in asked]
    assert len(asked) >= 2 * len(FEEDS), "no slots were recorded: nothing was tried"
    return faults, count
