"""Every answer with every row, both ways and digit by digit; and what the verbs said with what was so.

Each fault is a sentence. Nothing here asks tapedeck what happened: it is known from the site's own
file, from the times at which processes lived, and from the rows as the database itself gives them.
"""
import datetime
import decimal
import re
import time

from world import DRAINED, FEEDS, GRACE

FEED_OF = {instrument: feed for feed, instruments in FEEDS.items() for instrument in instruments}
GAPS = ("failed", "missed", "lost", "quarantined")
# What the site never did, so that no gap can be its fault.
NOT_SO = {"resting", "timeout", "malformed", "unreachable", "refused", "throttled", "empty", "truncated",
          "server_error", "not_found", "wrong_instrument", "wrong_currency"}


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def named(slot):
    return time.strftime("%H:%M", time.gmtime(slot))


class Truth:
    """What is known of a world's slots."""

    def __init__(self, world):
        self.world = world
        self.answers = list(world.site.answers)
        recorders = {recorder.pid: recorder for recorder in world.recorders}
        self.finished = {(pid, feed, seconds(slot)) for pid, recorder in recorders.items()
                         for feed, slot in recorder.collected()}
        self.collects = {told.pid for told in world.told if told.words[0] == "collect" and told.code in (0, 4)}
        self.touched = {}  # (feed, slot): when a recorder first asked for it
        for answer in self.answers:
            if answer.asker in recorders:
                key = FEED_OF[answer.instrument], self.slot_of(answer)
                self.touched[key] = min(answer.asked, self.touched.get(key, answer.asked))

    @staticmethod
    def slot_of(answer):
        return answer.asked // 60 * 60

    def may_lose(self, slot):
        """The words that must stand in the verdict where a price of this slot may be lost."""
        for began, ended, words in self.world.losses:
            if slot < (ended or time.time()) and began < slot + 60:
                return words
        return None

    def was_served(self, slot):
        return any(recorder.was_there(slot) for recorder in self.world.recorders)

    def is_promised(self, answer):
        """Whether whoever got this answer has said that it is done with it."""
        key = answer.asker, FEED_OF[answer.instrument], self.slot_of(answer)
        return answer.sent is not None and (key in self.finished or answer.asker in self.collects)


def answers_and_rows(truth, rows, duplicates):
    """One to one: every promised answer is a row (or told of as a duplicate), every row an answer."""
    faults, of_price = [], {answer.price: answer for answer in truth.answers}
    numbers = {decimal.Decimal(price) for price in of_price}
    kept, keys = set(), set()
    for row in rows:
        place = f"{row.feed}:{row.id} {row.instrument} {named(row.slot)} {row.price}"
        answer = of_price.get(row.price)
        if answer is None:
            altered = decimal.Decimal(row.price) in numbers
            faults.append(f"{place}: {'its digits were changed' if altered else 'nobody answered this price'}")
            continue
        if row.price in kept or (row.instrument, row.slot) in keys:
            faults.append(f"{place}: twice in the table")
        kept.add(row.price)
        keys.add((row.instrument, row.slot))
        if answer.instrument != row.instrument:
            faults.append(f"{place}: was the price of {answer.instrument}")
        if row.feed == "stock" and row.previous != answer.previous:
            faults.append(f"{place}: previous close {row.previous}, answered was {answer.previous}")
        if row.feed == "stock" and not row.name.startswith(f"{row.instrument} at {answer.number}"):
            faults.append(f"{place}: the name {row.name}")
        if not row.slot <= answer.asked < row.slot + 60:
            faults.append(f"{place}: was asked at {answer.asked - row.slot:.1f} s from its slot")
        if not answer.asked - 0.001 <= row.date <= (answer.sent or time.time()) + 60:
            faults.append(f"{place}: seen at {row.date}, answered at {answer.asked}")
    for answer in truth.answers:
        slot = truth.slot_of(answer)
        if not truth.is_promised(answer) or answer.price in kept or answer.price in duplicates:
            continue
        if truth.may_lose(slot) is None:
            faults.append(f"{answer.instrument} {named(slot)} {answer.price}: answered to process "
                          f"{answer.asker}, its run finished, and there is no row: LOST")
    for price in truth.world.seen - kept:
        if truth.may_lose(truth.slot_of(of_price[price]) if price in of_price else 0) is None:
            faults.append(f"{price} was exported once, and is gone")
    return faults


def a_gap(truth, gap, known_rows=frozenset()):
    """What is not so in one line of `gaps`."""
    slot, instrument = seconds(gap["slot"]), gap["instrument"]
    said = f"gaps: {instrument} {named(slot)} {gap['state']} {gap['reason']}: {gap['what']}"
    words, faults = truth.may_lose(slot), []
    if (instrument, slot) in known_rows:
        faults.append(f"{said}, and there is a row")
    if gap["state"] == "lost" and words is None:
        faults.append(f"{said}: lost, and nothing was done that may lose it")
    if gap["reason"] == "nobody_ran" and (gap["feed"], slot) in truth.touched:
        faults.append(f"{said}, and the site was asked for it")
    if gap["reason"] in NOT_SO:
        faults.append(f"{said}, and the site answered well")
    if truth.was_served(slot) and words is None:
        faults.append(f"{said}: a recorder was there all the time, the price is LOST")
    paused = any(began < slot + 60 and slot < ended
                 for one in truth.world.recorders for began, ended in one.pauses)
    if gap["reason"] == "out_of_time" and not paused:
        faults.append(f"{said}, and nothing was slow but what was done beside it")
    if words and truth.was_served(slot) and not re.search(words, f"{gap['reason']} {gap['what']}", re.I):
        faults.append(f"{said}: does not say {words}")
    return faults


def a_status(truth, told):
    faults, status = [], told.json()
    for feed in status["feeds"]:
        for span in ("today", "all"):
            states = dict(feed[span])
            expected = states.pop("expected")
            if expected != sum(states.values()):
                faults.append(f"status: {feed['feed']} {span}: {expected} expected, the states add up "
                              f"to {sum(states.values())}: {states}")
    alive = [one for one in truth.world.recorders
             if one.ready_at and one.ready_at < told.began and (one.ended or told.ended + 1) > told.ended]
    near = [one for one in truth.world.recorders
            if one.started < told.ended and (one.ended or told.ended) >= told.began]
    if status["running"] and not near:
        faults.append("status: says that a recorder is running; there is none")
    if not status["running"] and alive:
        faults.append(f"status: says that no recorder is running; process {alive[0].pid} is")
    return faults


def as_told(truth):
    """What the verbs said while everything was going on."""
    faults = []
    for told in truth.world.told:
        if told.code not in (0, 4) or "--json" not in told.words:
            continue
        if told.words[0] == "status":
            faults += a_status(truth, told)
        if told.words[0] == "gaps":
            for gap in told.json():
                faults += a_gap(truth, gap)
        if told.words[0] == "audit" and not truth.world.losses:
            wrong = [one for one in told.json()["differences"]
                     if not (truth.world.pages_moved and one["kind"].startswith("capture"))]
            if wrong:
                faults.append(f"audit: differences, and nothing was lost: {wrong[:3]}")
    return faults


def promised_runs(truth, rows):
    """`slot_collected` says how many prices a run has sent: so many rows there are."""
    faults, have = [], {}
    for row in rows:
        have[row.feed, row.slot] = have.get((row.feed, row.slot), 0) + 1
    sent = {}
    for recorder in truth.world.recorders:
        for event in list(recorder.events):
            if event.get("event") == "slot_collected":
                key = event["feed"], seconds(event["slot"])
                sent[key] = sent.get(key, 0) + event["sent"]
    for (feed, slot), count in sent.items():
        if have.get((feed, slot), 0) < count and truth.may_lose(slot) is None:
            faults.append(f"{feed} {named(slot)}: {count} prices were reported as sent, and "
                          f"{have.get((feed, slot), 0)} are there")
    return faults


def final_ledger(truth, rows):
    """After everything has its last word: each slot and instrument is a row or a gap, and never both."""
    world, faults = truth.world, []
    status = world.expect(0, "status", "--json")
    gaps = world.expect((0, 4), "gaps", "--json").json()
    audit = world.expect((0, 4), "audit", "--json")
    now = seconds(status.json()["now"])
    # Nothing is expected before the first recorder knew its configuration; it is ready soon afterwards.
    first = (int(world.recorders[0].ready_at or world.recorders[0].started) // 60 + 1) * 60
    slots = [slot for slot in range(first, int(now) + 1, 60) if slot + DRAINED < now]
    expected = {(instrument, float(slot)) for slot in slots for instrument in FEED_OF}
    keys = {(row.instrument, row.slot) for row in rows}
    listed = {(gap["instrument"], seconds(gap["slot"])): gap for gap in gaps}
    for gap in gaps:
        faults += a_gap(truth, gap, keys)
    for instrument, slot in sorted(expected - keys - set(listed)):
        faults.append(f"{instrument} {named(slot)}: neither a row nor a gap")
    by_hand = {(answer.instrument, truth.slot_of(answer)) for answer in truth.answers
               if answer.asker in truth.collects}  # which may be before the first slot that is expected
    for instrument, slot in sorted((keys - by_hand | set(listed)) - expected):
        if slot < first or slot in slots:
            faults.append(f"{instrument} {named(slot)}: a row or gap of a slot that was never expected")
    for feed in status.json()["feeds"]:
        states = feed["all"]
        have = sum(row.feed == feed["feed"] and row.slot in slots for row in rows)
        late = len(FEEDS[feed["feed"]]) * max(0, len(range(first, int(now) + 1, 60)) - len(slots))
        if not have <= states["recorded"] + states["recovered"] <= have + late:
            faults.append(f"status: {states['recorded']} of {feed['feed']} recorded, and {have} rows")
        if states["pending"] > late or states["lost"] and not world.losses:
            faults.append(f"status: {feed['feed']}: {states}")
    failed = {key for key, gap in listed.items() if gap["state"] == "failed"}  # told as what it was
    lost = [answer for answer in truth.answers if truth.is_promised(answer)
            and (answer.instrument, truth.slot_of(answer)) not in keys | failed]
    if lost and audit.code == 0:
        faults.append(f"audit: no difference, and {len(lost)} answered prices have no row, "
                      f"such as {lost[0].instrument} {named(truth.slot_of(lost[0]))} {lost[0].price}")
    return faults + stories(truth, rows, list(listed.values()))


def stories(truth, rows, gaps):
    """`why` of some prices and of some gaps tells the same as rows and `gaps`."""
    world, faults = truth.world, []
    for row in world.random.sample(rows, min(3, len(rows))):
        story = world.expect(0, "why", f"{row.feed}:{row.id}", "--json").json()
        if story["row"]["price"] != row.price or story["state"] not in ("recorded", "recovered"):
            faults.append(f"why {row.feed}:{row.id}: {story['row']['price']} {story['state']}, "
                          f"and the row has {row.price}")
    for gap in world.random.sample(gaps, min(3, len(gaps))):
        story = world.expect(0, "why", gap["feed"], gap["instrument"], gap["slot"], "--json").json()
        if (story.get("state"), story.get("reason")) != (gap["state"], gap["reason"]):
            faults.append(f"why {gap['feed']} {gap['instrument']} {gap['slot']}: {story.get('state')} "
                          f"{story.get('reason')}, and gaps says {gap['state']} {gap['reason']}")
    return faults


def ends(truth):
    """A recorder ends because it was told to, or says what was done to it."""
    faults = []
    for recorder in truth.world.recorders:
        code, said = recorder.process.returncode, "".join(recorder.said)
        word = recorder.stops_by_itself
        if code not in (0, -9) and (word is None or word not in said):
            faults.append(f"process {recorder.pid} ended with {code}: {said[-1500:]}")
        if '"recorder_stopped"' in said and code == 0 and word and word not in said:
            faults.append(f"process {recorder.pid} stopped without a word of {word}: {said[-800:]}")
    return faults


def faults_of(world):
    rows = world.store.rows()
    truth = Truth(world)
    faults = answers_and_rows(truth, rows, world.store.duplicates())
    faults += promised_runs(truth, rows) + final_ledger(truth, rows) + ends(truth)
    faults += as_told(Truth(world))
    assert rows or world.losses, "not one price was recorded: nothing was tried"
    assert GRACE < 60
    return list(dict.fromkeys(faults)), len(rows)
