"""The program as a user has it, against a site of ours on loopback: exit codes of every verb, a
recorder that is stopped or killed in the middle of a slot, mistakes in files, the alert command.
The scenarios run beside one another, as most of them wait for the next minute."""
import concurrent.futures
import http.server
import json
import os
import pathlib
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
import traceback

PROGRAM = os.path.abspath(sys.argv[1])
SOURCE = """[source]
name = "bench"
url = "http://127.0.0.1:{port}/{{instrument}}"
pace = "6000/min"
timeout = "40s"
identity = "url"
[[rule]]
name = "price"
price = {{ css = ".price" }}
currency = "USD"
"""
CONFIG = """[sources]
folder = "sources"
[feed.coin]
instruments = ["bitcoin", "ethereum"]
sources = ["bench"]
[feed.stock]
instruments = []
sources = ["bench"]
[dag.coin_market_record]
schedule = "* * * * *"
retries = 0
"""


class Site(http.server.ThreadingHTTPServer):
    """Answers every path with a page; hangs on those that contain a word of `hangs`, and is a second late where it is
    one of `late`."""
    daemon_threads = True

    def __init__(self):
        site = self
        self.status, self.hangs, self.late, self.asked = 200, set(), set(), []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append(self.path)
                if any(word in self.path for word in site.hangs):
                    time.sleep(60)
                if any(word in self.path for word in site.late):
                    time.sleep(1)
                body = b"<html><div class='price'>$22,470.52</div></html>"
                self.send_response(site.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Commands:
    """The program, told things in a folder."""
    folder = None

    def tell(self, *arguments):
        """(exit code, stdout, stderr)"""
        done = subprocess.run([PROGRAM, *arguments], cwd=self.folder, capture_output=True,
                              text=True, timeout=120, env=without_config())
        return done.returncode, done.stdout, done.stderr

    def expect(self, code, *arguments, says=""):
        got, out, err = self.tell(*arguments)
        assert got == code, f"{arguments}: exit {got}, not {code}: {out}{err}"
        assert says in out + err, f"{arguments}: no {says!r} in {out}{err}"
        return out


class World(Commands):
    def __init__(self, port):
        self.place = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.place.name)
        (self.folder / "sources").mkdir()
        (self.folder / "tapedeck.toml").write_text(CONFIG)
        (self.folder / "sources/bench.toml").write_text(SOURCE.format(port=port))

    def start(self):
        process = subprocess.Popen([PROGRAM, "run"], cwd=self.folder, stderr=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, text=True, env=without_config())
        lines = []
        ready = threading.Event()

        def read():
            for line in process.stderr:
                lines.append(line)
                if '"recorder_ready"' in line:
                    ready.set()

        threading.Thread(target=read, daemon=True).start()
        assert ready.wait(60), f"not ready: {lines}"
        return process, lines

    def states(self):
        rows = json.loads(self.expect(0, "status", "--json"))["feeds"]
        return {feed["feed"]: feed["all"] for feed in rows}["coin"]


def without_config():
    return {key: value for key, value in os.environ.items() if key != "TAPEDECK_CONFIG"}


def wait_until(what, said, limit=90):
    end = time.monotonic() + limit
    while not what():
        assert time.monotonic() < end, f"waited {limit} s for {said}"
        time.sleep(0.05)


def ended(lines, event="slot_collected", times=1):
    return lambda: sum(f'"{event}"' in line for line in lines) >= times


def exit_codes():
    site = Site()
    world = World(site.server_port)
    for verb in ("status", "gaps", "audit", "load", "export", "next --jsn", "why 1"):
        code = 2 if "--jsn" in verb else 3
        world.expect(code, *verb.split())
    world.expect(0, "check")
    world.expect(0, "config", "check")
    world.expect(2)
    world.expect(2, "stats", says="did you mean status?")
    version = world.expect(0, "version")
    assert version == world.expect(0, "--version"), version
    assert json.loads(world.expect(0, "--json", "version"))["version"] == version.strip()
    world.expect(0, "help", says="Subcommands")
    world.expect(0, "help", "extract", says="--source")
    world.expect(3, "help", "stats", says="there is no verb stats")
    world.expect(3, "--config", "other.toml", "status", says="other.toml")
    world.expect(3, "collect", "coins")
    world.expect(6, "--set", "store.url=\"sqlite:no/such/folder/t.db\"", "run", says="no/such/folder")
    # Within the grace of its slot.
    wait_until(lambda: time.time() % 60 < 20, "a minute's begin")
    world.expect(0, "collect", "coin")
    world.expect(0, "load", "--until-end")
    world.expect(2, "gaps", "nonsense")
    world.expect(0, "why", "coin:1", says="22470.52")
    world.expect(3, "why", "coin:77")
    world.expect(0, "audit")
    world.expect(3, "gaps", "--feed", "coins")
    world.expect(3, "sources", "nobody")
    world.expect(3, "plot", "nothing")
    world.expect(3, "backup", "no/such/folder/b.db")
    world.expect(0, "backup", "b.db")
    world.expect(1, "backup", "b.db", says="exists already")
    with socket.socket() as nobody:  # bound and not listening: refuses
        nobody.bind(("127.0.0.1", 0))
        (world.folder / "sources/bench.toml").write_text(
            SOURCE.format(port=nobody.getsockname()[1]))
        world.expect(6, "collect", "coin", "--off-schedule")


def mistakes_in_files():
    world = World(1)
    config = world.folder / "tapedeck.toml"
    for line, says in (('schedule = "61 * * * *"', "61"), ('calendar = "XNSA"', "XNSA"),
                       ('shedule = "* * * * *"', "did you mean schedule?"), ('concurrency = "1"', "concurrency")):
        config.write_text(CONFIG.replace('schedule = "* * * * *"', line))
        _, _, said = world.tell("run")
        number = CONFIG.splitlines().index('schedule = "* * * * *"') + 1
        assert f"tapedeck.toml:{number}" in said and says in said, said
        world.expect(1, "run")
    config.write_text(CONFIG.replace('"ethereum"', '"bitcoin"'))
    world.expect(1, "run", says="bitcoin")
    config.write_text(CONFIG)
    source = world.folder / "sources/bench.toml"
    source.write_text(SOURCE.format(port=1).replace(".price", "div["))
    world.expect(1, "run", says="bench.toml")
    assert not (world.folder / "tapedeck.db").exists(), "something was started before the error"


def damaged_database():
    world = World(1)
    file = world.folder / "tapedeck.db"
    file.write_bytes(b"these are no prices" * 1000)
    before = file.read_bytes()
    for verb in ("run", "status", "gaps", "load"):
        world.expect(1, verb, says="tapedeck.db")
    assert file.read_bytes() == before
    assert sorted(each.name for each in world.folder.iterdir() if "-" in each.name) == []


def beside_a_recorder():
    """collect and load end with 5, readers are not blocked; SIGTERM in the middle of a slot."""
    site = Site()
    site.hangs = {"ethereum"}
    world = World(site.server_port)
    process, lines = world.start()
    world.expect(5, "collect", "coin")
    world.expect(5, "load", "--until-end")
    assert json.loads(world.expect(0, "status", "--json"))["running"]
    wait_until(lambda: "/ethereum" in site.asked, "the slot's question")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0, lines
    # Until its grace is over, a start could still finish the slot; then it is accounted for.
    wait_until(lambda: world.states()["pending"] == 0, "the grace's end", limit=150)
    states = world.states()
    assert (states["recorded"], states["failed"]) == (1, 1), states
    gaps = json.loads(world.expect(4, "gaps", "--json"))
    asked = [gap for gap in gaps if gap["state"] == "failed"]  # later slots are missed by now
    assert [(gap["instrument"], gap["reason"]) for gap in asked] == [("ethereum", "interrupted")], gaps
    world.expect(0, "audit")
    assert not json.loads(world.expect(0, "status", "--json"))["running"]


def two_demos():
    """The second one ends with 5 and leaves no trace in the first one's store."""
    world = World(1)
    first = subprocess.Popen([PROGRAM, "demo", "--plain"], cwd=world.folder, env=without_config(),
                             stderr=subprocess.PIPE, text=True)
    wait_until(lambda: '"slot_collected"' in first.stderr.readline(), "the first slot")
    threading.Thread(target=first.stderr.read, daemon=True).start()
    count = lambda: sqlite3.connect(world.folder / "tapedeck-demo.db").execute(
        "select count(*) from config_history").fetchone()[0]
    before = count()
    world.expect(5, "demo", "--plain", says="is held by")
    assert count() == before
    first.send_signal(signal.SIGINT)
    assert first.wait(timeout=20) == 0


def killed_in_a_slot():
    site = Site()
    site.hangs = {"ethereum"}
    world = World(site.server_port)
    process, _ = world.start()
    wait_until(lambda: "/ethereum" in site.asked, "the slot's question")
    process.kill()
    process.wait()
    site.hangs = set()
    process, lines = world.start()
    wait_until(ended(lines, times=2), "two slots")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0
    states = world.states()
    # Within the grace the slot begins again and has both; past it, it is failed or missed.
    assert states["pending"] == 0 and states["recorded"] >= 2, states
    assert states["expected"] == sum(states.values()) - states["expected"], states
    world.expect(0, "audit")
    rows = sqlite3.connect(world.folder / "tapedeck.db").execute(
        "select slot, instrument, count(*) from coin_records group by 1, 2").fetchall()
    assert all(count == 1 for _, _, count in rows), rows


def alert_command():
    """Once per problem and once on recovery, and the price of the next slot is on time."""
    site = Site()
    site.status = 404
    world = World(site.server_port)
    told = world.folder / "told"
    (world.folder / "tapedeck.toml").write_text(
        CONFIG + f"""[alert]
on_problem = 'sleep 1; echo "$TAPEDECK_EVENT $TAPEDECK_PROBLEM" >> {told}'
""")
    process, lines = world.start()
    wait_until(lambda: told.exists(), "the alert")
    site.status = 200
    wait_until(lambda: "recovery" in told.read_text(), "the recovery", limit=130)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
    assert told.read_text() == "problem failed:coin\nrecovery failed:coin\n", told.read_text()


def shell(world, line):
    """(exit code, stdout, stderr) of a line for bash, with the program as $T."""
    done = subprocess.run(["bash", "-c", line], cwd=world.folder, capture_output=True, text=True,
                          timeout=120, env={**without_config(), "T": PROGRAM})
    return done.returncode, done.stdout, done.stderr


def with_prices():
    world = World(Site().server_port)
    # Within the grace of its slot.
    wait_until(lambda: time.time() % 60 < 20, "a minute's begin")
    world.expect(0, "collect", "coin")
    world.expect(0, "load", "--until-end")
    return world


def answers_that_cannot_be_written():
    """Exit 1, said once, for every verb; a reader that leaves ends the program as it ends cat."""
    world = with_prices()
    verbs = ["status", "gaps", "audit", "why coin:1", "export", "plot bitcoin", "check", "sources",
             "sources bench", "next", "config show", "config check", "config explain", "--help",
             "status --help", "--version", "completion bash", "instruments list", "dag list",
             "dag show coin_market_record", "slots coin_market_record --from 2026-01-01 --to 2026-01-02",
             "status --json", "export --format jsonl", "collect coin --off-schedule"]
    for verb in verbs:
        for closed in (">/dev/full", ">&-"):
            code, _, err = shell(world, f"$T {verb} {closed}")
            assert code == 1, f"{verb} {closed}: exit {code}: {err}"
            lines = [line for line in err.splitlines() if "cannot write the answer" in line]
            assert len(lines) == 1, f"{verb} {closed}: {err}"
    os.mkfifo(world.folder / "pipe")
    for verb in verbs:
        # bash opens the pipe, its reader is gone before the program starts.
        code, out, err = shell(world, f"exec 4<>pipe; exec 5>pipe; exec 4<&-; $T {verb} >&5")
        assert code == 128 + signal.SIGPIPE and err == "", f"{verb}: exit {code}: {err}"
        code, out, err = shell(world, f"trap '' PIPE; exec 4<>pipe; exec 5>pipe; exec 4<&-; $T {verb} >&5")
        assert code == 1 and err.count("Broken pipe") == 1, f"{verb}: exit {code}: {err}"
    # No file of ours takes the number of a descriptor that is closed.
    code, _, _ = shell(world, "$T collect coin --off-schedule <&- >&- 2>&-; exit $?")
    assert code == 1
    world.expect(0, "audit")
    files = [each for each in world.folder.iterdir() if each.is_file()]
    assert not any(b"tapedeck: " in each.read_bytes() for each in files if each.suffix == ".db")


def places_to_write_to():
    """What is no regular file is written to or refused, and never replaced."""
    world = with_prices()
    whole = world.expect(0, "export")
    folder = world.folder
    (folder / "real.csv").write_text("old")
    os.chmod(folder / "real.csv", 0o604)
    os.symlink("real.csv", folder / "link.csv")
    os.symlink("nowhere", folder / "dangling")
    os.mkfifo(folder / "pipe")
    os.mkdir(folder / "place")
    world.expect(0, "export", "--output", "link.csv")
    assert (folder / "real.csv").read_text() == whole and (folder / "link.csv").is_symlink()
    assert (folder / "real.csv").stat().st_mode & 0o777 == 0o604
    code, out, err = shell(world, "$T export --output pipe & cat pipe; wait $!")
    assert (code, out) == (0, whole), err
    for path in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        (folder / "log").write_text("kept\n")
        code, _, err = shell(world, f"$T export --output {path} >>log")
        assert code == 0 and (folder / "log").read_text() == "kept\n" + whole, err
    for arguments in (["export", "--output"], ["plot", "bitcoin", "--svg"]):
        world.expect(1, *arguments, "/dev/full", says="No space left on device")
        world.expect(1, *arguments, "dangling", says="which is not there")
        world.expect(1, *arguments, "place", says="it is a folder")
        world.expect(1, *arguments, "no/such/file", says="No such file or directory")
        world.expect(0, *arguments, "/dev/null")
    code, out, err = shell(world, "$T plot bitcoin --svg pipe & cat pipe; wait $!")
    assert code == 0 and out.startswith("<svg"), (code, out, err)
    code, _, err = shell(world, "cat tapedeck.toml | $T instruments add coin solana --config /dev/stdin")
    assert code == 1 and "no regular file" in err, err
    # The pipe has no reader: whoever would read it as a configuration first would wait for ever.
    world.expect(1, "instruments", "add", "coin", "solana", "--config", "pipe", says="no regular file")
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode) and stat.S_ISFIFO(os.stat(folder / "pipe").st_mode)
    assert not (folder / "nowhere").exists()
    left = [each.name for each in folder.iterdir() if each.name.endswith(".tmp")]
    assert left == [], left


def hang_up():
    """A terminal that is closed ends the recorder as SIGTERM does, and not one under nohup."""
    world = World(Site().server_port)
    process, lines = world.start()
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=20) == 0, lines
    assert ended(lines, "recorder_stopped")(), lines
    process = subprocess.Popen(["bash", "-c", "trap '' HUP; exec \"$0\" run", PROGRAM], text=True,
                               cwd=world.folder, stderr=subprocess.PIPE, env=without_config())
    while '"recorder_ready"' not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    said = process.stderr.read()
    assert process.wait(timeout=20) == 0 and said.count('"recorder_stopped"') == 1, said


def few_descriptors():
    """A soft limit is raised; where the hard one is too low, that is what is said."""
    with open(PROGRAM, "rb") as program:
        if b"__ubsan_handle" in program.read():
            print("few_descriptors: left to the plain build, as UBSan needs descriptors of its own")
            return
    world = World(Site().server_port)
    code, _, err = shell(world, "ulimit -Sn 40; $T collect coin --off-schedule")
    assert code == 0, err
    told = 0
    for most in (*range(4, 30), 40, 60, 90):
        code, out, err = shell(world, f"ulimit -n {most}; $T collect coin --off-schedule --json; exit $?")
        assert code in (0, 1, 4, 6, 126, 127), f"{most}: exit {code}: {out}{err}"
        if code in (0, 126, 127):  # 126 and 127: not even loaded
            continue
        assert "no way there" not in out + err, f"{most}: {out}{err}"
        told += "too many open files" in (out + err).lower()
    assert told > 0
    world.expect(0, "load", "--until-end")
    world.expect(0, "audit")


def texts_without_bounds():
    """Files that only a mistake or malice makes: a message that names file and line."""
    world = World(1)
    config = world.folder / "tapedeck.toml"
    source = world.folder / "sources/bench.toml"
    good = source.read_text()
    deep = {"a table": "[" + ".".join(["a"] * 20_000) + "]\nx = 1\n",
            "a key": ".".join(["a"] * 100_000) + " = 1\n",
            "lists": "x = " + "[" * 100_000 + "]" * 100_000 + "\n",
            "tables": "x = " + "{a = " * 20_000 + "1" + "}" * 20_000 + "\n",
            "values": "x = [" + "1," * 4_000_000 + "]\n"}
    for what, text in deep.items():
        config.write_text("\n" + text)
        for verb in (["config", "check"], ["status"], ["run"]):
            world.expect(1, *verb, says="tapedeck.toml:2: ")
        world.expect(1, "instruments", "add", "coin", "solana", says="tapedeck.toml:2: ")
        config.write_text(CONFIG)
        if what == "values":
            continue  # larger than a source may be
        source.write_text("\n" + text)
        world.expect(1, "config", "check", says="bench.toml:2: ")
        world.expect(1, "run", says="bench.toml:2: ")
        source.write_text(good)
    world.expect(1, "--set", ".".join(["a"] * 60_000) + "=1", "config", "check", says="is not a key")
    variables = world.folder / "variables.json"
    variables.write_text('{"coin_scraping": ' + "[" * 100_000 + "]" * 100_000 + "}")
    world.expect(1, "variables", "import", "variables.json", says="variables.json")
    config.write_text(CONFIG + "".join(f"k{i} = {i}\n" for i in range(100_000)))
    out = world.expect(1, "config", "check", says="and 99900 more")
    assert len(out.splitlines()) < 110, out


def broken_sources():
    """One that no feed asks stops nobody; one that is asked stops whoever asks, and no reader."""
    world = with_prices()
    mine = world.folder / "sources/mine.toml"
    mine.write_text(SOURCE.format(port=1).replace('"bench"', '"mine"') + "[nonsense]\n")
    world.expect(0, "config", "check", says="mine.toml:11: ")
    for verb in ("status", "gaps", "audit", "export", "why coin:1", "plot bitcoin", "load --until-end",
                 "sources", "collect coin --off-schedule"):
        world.expect(0, *verb.split())
    world.expect(1, "check", says="mine.toml:11: ")
    world.expect(1, "sources", "mine", says="mine.toml:11: ")
    bench = world.folder / "sources/bench.toml"
    bench.write_text(bench.read_text() + "[nonsense]\n")
    for verb in ("status", "gaps", "audit", "export", "why coin:1", "plot bitcoin", "load --until-end",
                 "sources"):
        world.expect(0, *verb.split())
    for verb in ("config check", "collect coin", "run", "sources --probe", "check"):
        world.expect(1, *verb.split(), says="bench.toml:11: ")


def own_feeds():
    """Nobody but the sites of one's own feeds is asked; an emptied feed asks nobody."""
    site, other = Site(), Site()
    world = World(site.server_port)
    (world.folder / "sources/other.toml").write_text(
        SOURCE.format(port=other.server_port).replace('"bench"', '"other"'))
    config = world.folder / "tapedeck.toml"
    own = CONFIG.replace("[feed.coin]", "[feed.mine]").replace("coin_market_record", "mine").replace(
        "[feed.stock]\ninstruments = []\nsources = [\"bench\"]\n", "") + """
[dag.mine.task.collect]
kind = "collect"
feed = "mine"
"""
    config.write_text(own)
    shown = world.expect(0, "config", "show")
    assert "[feed.mine]" in shown and "[feed.coin]" not in shown and "[feed.stock]" not in shown, shown
    world.expect(0, "config", "check", says="feed coin is built in and left out")
    world.expect(3, "collect", "coin")
    config.write_text(own + '[feed.empty]\ninstruments = []\nsources = ["other"]\n'
                      '[dag.mine.task.empty]\nkind = "collect"\nfeed = "empty"\n')
    world.expect(0, "config", "check", says="feed empty has no instruments: nobody is asked for it")
    world.expect(1, "collect", "empty", says="nobody is asked")
    process, lines = world.start()
    wait_until(ended(lines), "the slot")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0, lines
    assert other.asked == [] and "/bitcoin" in site.asked, (site.asked, other.asked)


def demo_beside_rows():
    """The demo keeps out of a store that holds anything, be it of a table that it does not know and
    written by a loader alone; the recorder keeps out of the demo's."""
    world = World(Site().server_port)
    world.expect(0, "collect", "coin", "--off-schedule")
    rows = sqlite3.connect(world.folder / "tapedeck.db", isolation_level=None)
    for table in ("config_history", "outcomes", "attempts", "dag_runs", "coverage", "messages"):
        rows.execute(f"delete from {table}")
    rows.execute("update tape_partitions set earliest = next_offset")
    rows.execute("create table mine_records (id integer primary key, price text)")
    rows.execute("insert into mine_records values (1, '2')")
    rows.execute("insert into batches values (1, 'mine_topic', 0, 0, 1, 1, 1764000000000000, 'a:1')")
    rows.close()
    world.expect(1, "--set", "store.url='sqlite:tapedeck.db'", "demo", "--slots", "1",
                 says="holds what no demo has recorded")
    world.expect(0, "demo", "--slots", "1")
    assert json.loads(world.expect(0, "--set", "store.url='sqlite:tapedeck-demo.db'", "status",
                                   "--json"))["simulated"]
    for verb in (["run"], ["collect", "coin", "--off-schedule"]):
        world.expect(1, "--set", "store.url='sqlite:tapedeck-demo.db'", *verb,
                     says="is the demo's and holds simulated prices")


def another_tape():
    """What a tape in a file still held is loaded before the one that is configured in its place, each
    by entries of its own in the ledger; and the former may come back."""
    world = World(Site().server_port)
    other = ["--set", "tape.url='sqlite:other.db'"]
    world.expect(0, "collect", "coin", "--off-schedule")  # two prices, and their account
    world.expect(0, "load", "--until-end", says="2 rows")
    world.expect(0, "collect", "coin", "--off-schedule")
    world.expect(0, *other, "collect", "coin", "--off-schedule")
    _, _, told = world.tell(*other, "load", "--until-end")
    assert '"tape_changed"' in told and "all that it held is loaded" in told, told
    rows = sqlite3.connect(world.folder / "tapedeck.db").execute
    assert rows("select count(*) from coin_records").fetchall() == [(6,)]
    assert rows("select count(*), sum(next_offset) from offsets where topic like 'coin_topic%'"
                ).fetchall() == [(2, 6)]
    world.expect(0, *other, "audit")
    places = json.loads(world.expect(0, *other, "status", "--json"))["partitions"]
    assert [each["topic"] for each in places] == ["coin_topic", "stock_topic",
                                                  "tapedeck_outcomes"], places
    assert all(each["lag"] == 0 for each in places), places
    world.expect(0, *other, "why", "coin:6", says="22470.52")
    world.expect(0, "why", "coin:6", says="22470.52")
    world.expect(0, "load", "--until-end", says="0 rows")
    world.expect(0, "audit")


def run_all(scenarios):
    """Those that the command line names, or all; ends the program."""
    chosen = [each for each in scenarios if not sys.argv[2:] or each.__name__ in sys.argv[2:]]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(len(chosen)) as pool:
        for scenario, result in [(each, pool.submit(each)) for each in chosen]:
            try:
                result.result()
                print(f"{scenario.__name__}: well")
            except Exception:
                failed += 1
                print(f"{scenario.__name__}: FAILED")
                traceback.print_exc()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    run_all([answers_that_cannot_be_written, places_to_write_to, hang_up, few_descriptors,
             texts_without_bounds, broken_sources, own_feeds, another_tape, demo_beside_rows,
             exit_codes, mistakes_in_files, damaged_database, beside_a_recorder, two_demos,
             killed_in_a_slot, alert_command])
