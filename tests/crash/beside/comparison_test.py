"""The comparison of this folder sees what it is there for: each kind of loss, doubling, change and
untrue verdict, one at a time, in a world in which all was well before."""
import dataclasses
import sys
import types

import comparison
from databases import Row
from site_of_prices import Answer

SLOT = 1_700_000_040.0
PRICE = "216.530"


def recorder(pid=7, collected=(("coin", "2023-11-14T22:14:00Z"),), ended=None, pauses=()):
    events = [{"event": "slot_collected", "feed": feed, "slot": slot, "sent": 1} for feed, slot in collected]
    return types.SimpleNamespace(
        pid=pid, events=events, collected=lambda: set(collected), ended=ended, ready_at=SLOT - 9,
        started=SLOT - 10, pauses=list(pauses), said=[], stops_by_itself=None,
        process=types.SimpleNamespace(returncode=0), was_there=lambda slot: ended is None and not pauses)


def world(recorders=None, losses=(), seen=()):
    answer = Answer(1, 7, "coin0", PRICE, "9.5", SLOT + 1, SLOT + 2)
    return types.SimpleNamespace(site=types.SimpleNamespace(answers=[answer]), recorders=recorders or [recorder()],
                                 losses=list(losses), seen=set(seen), told=[])


def row(**changes):
    return dataclasses.replace(Row("coin", 1, "coin0", SLOT, PRICE, None, "coin0", SLOT + 2, "beside"), **changes)


def gap(reason, state="failed", what=""):
    return {"feed": "coin", "instrument": "coin0", "slot": "2023-11-14T22:14:00Z", "state": state,
            "reason": reason, "what": what}


def told(running=True, recorded=1, expected=1, began=SLOT + 5):
    states = {"expected": expected, "recorded": recorded}
    status = {"running": running, "feeds": [{"feed": "coin", "today": states, "all": states}]}
    return types.SimpleNamespace(began=began, ended=began + 1, json=lambda: status)


def rows_of(of_world, *rows):
    return lambda: comparison.answers_and_rows(comparison.Truth(of_world), list(rows), set())


def gap_of(of_world, one):
    return lambda: comparison.a_gap(comparison.Truth(of_world), one)


def status_of(of_world, one):
    return lambda: comparison.a_status(comparison.Truth(of_world), one)


killed = world([recorder(collected=(), ended=SLOT + 3)])
replaced = [(0, SLOT + 100, "replaced")]
CASES = [
    ("all is well", None, rows_of(world(), row())),
    ("a promised answer without a row", "LOST", rows_of(world())),
    ("an answer to a run that was killed promises nothing", None, rows_of(killed)),
    ("a changed digit", "digits", rows_of(world(), row(price="216.53"))),
    ("a price that nobody answered", "nobody answered",
     rows_of(world(), row(), row(id=2, instrument="coin1", price="3"))),
    ("a doubled row", "twice", rows_of(world(), row(), row(id=2))),
    ("another instrument's price", "was the price of", rows_of(world(), row(instrument="coin1"))),
    ("a live price in another slot", "from its slot", rows_of(world(), row(slot=SLOT - 60))),
    ("a price from before it was asked for", "seen at", rows_of(world(), row(date=SLOT))),
    ("what was exported and is gone", "exported", rows_of(world(seen={"8.1"}), row())),
    ("nobody ran, and the site was asked", "was asked", gap_of(killed, gap("nobody_ran", "missed"))),
    ("a failure that the site never had", "answered well", gap_of(killed, gap("timeout"))),
    ("an interruption that was one", None, gap_of(killed, gap("interrupted"))),
    ("a gap though a recorder was there", "LOST", gap_of(world(), gap("tape"))),
    ("the pace, while somebody held a lock", "nothing was slow", gap_of(killed, gap("out_of_time"))),
    ("a loss that may be, told as what it is", None,
     gap_of(world(losses=replaced), gap("x", "missed", "was replaced"))),
    ("a loss that may be, told as something else", "does not say", gap_of(world(losses=replaced), gap("tape"))),
    ("states that add up", None, status_of(world(), told())),
    ("states that do not add up", "add up", status_of(world(), told(expected=2))),
    ("no recorder, and there is one", "is running; process 7 is", status_of(world(), told(running=False))),
    ("a recorder, and there is none", "there is none", status_of(killed, told())),
]


def main():
    wrong = 0
    for name, word, look in CASES:
        faults = look()
        well = not faults if word is None else any(word in fault for fault in faults)
        wrong += not well
        print(f"{name}: {'well' if well else f'FAILED: {faults}'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
