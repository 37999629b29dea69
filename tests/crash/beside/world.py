"""A folder with a configuration, a site that it asks, and the processes that work there: the real
program, whatever a person does beside it, and what is known of both without asking them."""
import contextlib
import dataclasses
import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import threading
import time

from databases import FileStore, ServerStore
from site_of_prices import Site

SOURCE = """[source]
name = "beside"
url = "http://127.0.0.1:{port}/{{instrument}}"
pace = "6000/min"
timeout = "40s"
identity = "url"
[[rule]]
name = "price"
price = "/price"
full_name = "/name"
previous_close = "/previous"
currency = "USD"
"""
CONFIG = """[store]
url = "{store}"
{tape}[sources]
folder = "sources"
[feed.coin]
topic = "coin_{topics}"
instruments = {coins}
sources = ["beside"]
[feed.stock]
topic = "stock_{topics}"
instruments = {stocks}
sources = ["beside"]
currency = "USD"
[dag.coin_market_record]
schedule = "* * * * *"
retries = 1
retry_delay = "1s"
[dag.stock_market_record]
schedule = "* * * * *"
zone = "UTC"
calendar = "always"
"""
FEEDS = {"coin": [f"coin{n}" for n in range(8)], "stock": [f"STOCK{n}" for n in range(4)]}
GRACE = 30  # seconds: half of the schedule's interval
DRAINED = GRACE + 30  # after a slot, when it has its last word: docs/schedules.md, coverage.h


@dataclasses.dataclass
class Told:
    """What a verb answered, and when."""
    pid: int
    words: tuple
    code: int
    out: str
    err: str
    began: float
    ended: float

    def json(self):
        return json.loads(self.out)


class Recorder:
    """One `tapedeck run`, its log, and the times at which it lived and stood still."""

    def __init__(self, world, words=("run",), user=None):
        self.events, self.pauses, self.ended, self.ready_at = [], [], None, None
        self.stops_by_itself = None  # in a word, why that is right
        self.started = time.time()
        self.process = world.spawn(words, user, stdout=subprocess.DEVNULL)
        self.changed = threading.Condition()
        self.said = []
        threading.Thread(target=self.read, daemon=True).start()

    @property
    def pid(self):
        return self.process.pid

    def read(self):
        for line in self.process.stderr:
            with self.changed:
                self.said.append(line)
                with contextlib.suppress(ValueError):
                    event = json.loads(line)
                    self.events.append(event)
                    if event.get("event") == "recorder_ready":
                        self.ready_at = self.ready_at or time.time()
                self.changed.notify_all()
        self.process.wait()
        with self.changed:
            self.ended = time.time()
            self.changed.notify_all()

    def wait_for(self, what, said, limit=120):
        """Until what() holds; not for longer than the limit, nor beyond its end."""
        with self.changed:
            if not self.changed.wait_for(lambda: what() or self.ended, limit) or not what():
                raise AssertionError(f"no {said} within {limit} s; it said: {''.join(self.said[-20:])}")

    def until_ready(self):
        self.wait_for(lambda: self.ready_at, "recorder_ready")

    def collected(self):
        """(feed, slot) of the runs whose account is written."""
        with self.changed:
            return {(event["feed"], event["slot"]) for event in self.events
                    if event.get("event") == "slot_collected"}

    def stand_still(self, seconds):
        began = time.time()
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send_signal(signal.SIGCONT)
        self.pauses.append((began, time.time()))

    def end(self, how, limit=60):
        if self.process.poll() is None:
            self.process.send_signal(how)
        with self.changed:
            if not self.changed.wait_for(lambda: self.ended, limit):
                self.process.kill()
                raise AssertionError(f"not ended by signal {how} within {limit} s")
        return self.process.returncode

    def was_there(self, slot):
        """Whether it was ready before the slot, and there and awake through all of its grace."""
        until = slot + GRACE
        if self.ready_at is None or self.ready_at >= slot or (self.ended or until + 1) <= until:
            return False
        return not any(began < until and slot - 1 < ended for began, ended in self.pauses)


class World:
    def __init__(self, program, store, seed, servers, spread=8.0):
        self.program, self.seed, self.randoms = program, seed, {}
        self.place = tempfile.TemporaryDirectory(prefix="tapedeck-beside-")
        self.folder = pathlib.Path(self.place.name)
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.data.mkdir()
        (self.data / "sources").mkdir()
        self.site = Site(self.folder / "answers", self.random.randrange(2**31), spread)
        self.recorders, self.told, self.seen = [], [], set()
        self.losses = []  # (from, to, words): times in which prices may be lost, and what gaps must say
        self.locks = []   # (from, to): times in which somebody holds what a verb must read
        self.hold = 92    # seconds of a lock: from within a slot's answers to after the next one's grace
        self.lines_cut = False  # whether somebody ended the sessions of its server
        self.pages_moved = False  # whether captures may be missing
        self.notes = 0    # rows of somebody else in the same file
        self.copies = []  # (file, the rows that it must hold)
        self.done = []    # what was done, for the one who reads a failure
        self.store = (FileStore(self.data / "tapedeck.db") if store == "sqlite"
                      else ServerStore(servers, f"beside_{os.getpid()}_{seed}"))
        self.tape = {"sqlite": "", "postgres": '[tape]\nurl = "sqlite:tape.db"\n'}.get(store)
        if store == "kafka":
            self.tape = f'[tape]\nurl = "kafka://{servers.kafka()}"\n'
        self.kind = store
        self.topics = f"topic_{os.getpid()}_{seed}"  # all worlds share one Kafka
        self.write_config("sqlite:tapedeck.db" if store == "sqlite" else self.store.url)

    @property
    def random(self):
        """One for each of those who act, so that what one does is not told by how quick the other is."""
        return self.randoms.setdefault(threading.current_thread().name == "looker",
                                       random.Random(f"{self.seed} {threading.current_thread().name == 'looker'}"))

    def write_config(self, url):
        (self.data / "sources/beside.toml").write_text(SOURCE.format(port=self.site.server_port))
        (self.data / "tapedeck.toml").write_text(CONFIG.format(
            store=url, tape=self.tape, topics=self.topics, coins=json.dumps(FEEDS["coin"]), stocks=json.dumps(FEEDS["stock"])))

    def say(self, what):
        self.done.append(f"{time.strftime('%H:%M:%S', time.gmtime())} {what}")

    def spawn(self, words, user=None, **options):
        as_user = {"user": user, "group": "nogroup", "extra_groups": []} if user else {}
        environment = {key: value for key, value in os.environ.items() if key != "TAPEDECK_CONFIG"}
        process = subprocess.Popen([self.program, *words], cwd=self.data, env=environment, text=True,
                                   stderr=subprocess.PIPE, **as_user, **options)
        self.site.askers.add(process.pid)
        return process

    def start(self, words=("run",), user=None):
        recorder = Recorder(self, words, user)
        self.say(f"{' '.join(words)} as process {recorder.pid}")
        self.recorders.append(recorder)
        return recorder

    def record(self, user=None):
        """A recorder that is ready well before a slot."""
        if time.time() % 60 > 50:
            time.sleep(60.5 - time.time() % 60)  # its first slot is told by its configuration's time
        recorder = self.start(user=user)
        recorder.until_ready()
        return recorder

    def tell(self, *words, user=None, limit=180):
        began = time.time()
        process = self.spawn(words, user, stdout=subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"{' '.join(words)}: no answer within {limit} s") from None
        told = Told(process.pid, words, process.returncode, out, err, began, time.time())
        self.told.append(told)
        return told

    def expect(self, codes, *words, **options):
        told = self.tell(*words, **options)
        codes = codes if isinstance(codes, tuple) else (codes,)
        if any(began < told.ended and told.began < ended for began, ended in self.locks):
            # Somebody holds what it must read; what is checked is then not well.
            codes += (1,) if words[0] == "check" else (6,)
        assert told.code in codes, f"{' '.join(words)}: exit {told.code}: {told.out[-500:]}{told.err[-1500:]}"
        return told

    def run(self, *command, said=None, **options):
        """Another program than tapedeck, beside it."""
        self.say(said or " ".join(str(part) for part in command))
        done = subprocess.run([str(part) for part in command], cwd=self.data, capture_output=True,
                              text=True, timeout=300, **options)
        return done.returncode, done.stdout + done.stderr

    @contextlib.contextmanager
    def locked(self):
        self.locks.append((time.time(), float("inf")))
        yield
        began, _ = self.locks.pop()
        self.locks.append((began, time.time()))

    def next_slot(self):
        return (int(time.time()) // 60 + 1) * 60

    def wait_until(self, moment):
        time.sleep(max(0, moment - time.time()))

    def end(self):
        for recorder in self.recorders:
            if recorder.process.poll() is None:
                recorder.process.send_signal(signal.SIGCONT)
                recorder.process.kill()
        self.site.shutdown()
        self.store.drop()
        self.place.cleanup()
