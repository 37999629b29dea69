"""A backup is what a restored recorder needs: made beside a running recorder that is then killed,
restored elsewhere and run on, every price that was answered is there once, digit by digit."""
import http.server
import json
import signal
import sqlite3
import threading
import time

import program_test
from program_test import CONFIG, World, ended, wait_until

OWN_TAPE = CONFIG + '[tape]\nurl = "sqlite:tape.db"\n'


class Prices(http.server.ThreadingHTTPServer):
    """Answers no price twice, and remembers all."""
    daemon_threads = True

    def __init__(self):
        prices = self
        self.lock, self.answered = threading.Lock(), []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                with prices.lock:
                    price = f"{1000 + len(prices.answered)}.{len(prices.answered) % 10}0"
                    prices.answered.append((self.path.strip("/"), price))
                body = f"<html><div class='price'>${price}</div></html>".encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def rows(path, sql):
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        return database.execute(sql).fetchall()


def prices_of(world):
    return sorted(rows(world.folder / "tapedeck.db", "select coin, price from coin_records"))


def on_tape(path):
    """(instrument, price) of every message of the feed's topic, in the tape's order."""
    messages = [json.loads(value, parse_float=str) for value, in rows(
        path, "select value from tape where topic = 'coin_topic' order by partition, offset")]
    return [(each["coin_name"], each["current_price"]) for each in messages]


def collect(world, times=1):
    for _ in range(times):
        world.expect(0, "collect", "coin", "--off-schedule")


def one_file_is_all_there_is():
    site = Prices()
    world = World(site.server_port)
    collect(world)
    world.expect(0, "load", "--until-end")
    collect(world)  # waits on the tape
    told = json.loads(world.expect(0, "backup", "copy.db", "--json"))
    assert (told["loaded"], told["waiting"]) == (3, 3), told  # two prices and an account each
    assert (world.folder / "copy.db").is_file()
    assert [part["part"] for part in told["holds"]] == ["store"], told
    assert [path.name for path in world.folder.glob("copy.db*")] == ["copy.db"]
    other = World(site.server_port)
    world.expect(3, "restore", "nothing.db")
    other.expect(0, "restore", str(world.folder / "copy.db"), says="3 are loaded by whoever")
    other.expect(1, "restore", str(world.folder / "copy.db"), says="never takes the place")
    other.expect(0, "load", "--until-end")
    assert prices_of(other) == sorted(site.answered), (prices_of(other), site.answered)
    # All that it lacks are the answers' bytes, of which no copy was asked for: once and for all,
    # as the answers of later slots are kept here.
    def not_compared(exit_code=0):
        audited = json.loads(other.expect(exit_code, "audit", "--json"))
        kinds = {each["kind"] for each in audited["differences"]}
        assert kinds <= {"capture_missing"}, audited
        return len(audited["differences"]), audited["not_compared"]["captures_left_out"]

    assert not_compared() == (0, 4), not_compared()
    collect(other)
    other.expect(0, "load", "--until-end")
    assert not_compared() == (0, 4), not_compared()
    with sqlite3.connect(other.folder / "tapedeck.captures.db") as captures:
        assert captures.execute("delete from captures").rowcount == 2
    captures.close()
    assert not_compared(4) == (2, 4), not_compared(4)


def a_tape_of_its_own():
    site = Prices()
    world = World(site.server_port)
    (world.folder / "tapedeck.toml").write_text(OWN_TAPE)
    collect(world)
    world.expect(0, "load", "--until-end")
    collect(world)
    told = json.loads(world.expect(0, "backup", "copy", "--captures", "--json"))
    assert [part["part"] for part in told["holds"]] == ["store", "tape", "captures"], told
    assert told["waiting"] == 3, told
    assert sorted(path.name for path in world.folder.glob("copy*")) == ["copy"]
    world.expect(1, "backup", "copy", says="exists already")
    copy = world.folder / "copy"
    other = World(site.server_port)
    other.expect(1, "restore", str(copy), says="[tape] url")  # its configuration has none
    (other.folder / "tapedeck.toml").write_text(OWN_TAPE)
    other.expect(0, "restore", str(copy))
    other.expect(0, "load", "--until-end")
    assert prices_of(other) == sorted(site.answered)
    other.expect(0, "why", "coin:1", says="rule")
    pages = rows(other.folder / "tapedeck.captures.db", "select count(*) from captures")
    assert pages == [(4,)], pages


def what_is_not_whole_is_refused():
    site = Prices()
    world = World(site.server_port)
    (world.folder / "tapedeck.toml").write_text(OWN_TAPE)
    collect(world)
    world.expect(0, "load", "--until-end")
    world.expect(0, "backup", "copy")
    copy = world.folder / "copy"
    other = World(site.server_port)
    (other.folder / "tapedeck.toml").write_text(OWN_TAPE)

    def refused(says):
        before = sorted(path.name for path in other.folder.iterdir())
        other.expect(1, "restore", str(copy), says=says)
        assert sorted(path.name for path in other.folder.iterdir()) == before

    whole = (copy / "tape.db").read_bytes()
    (copy / "tape.db").write_bytes(whole[:-4096])
    refused("tape.db is to have")
    (copy / "tape.db").unlink()
    refused("is not there")
    (copy / "tape.db").write_bytes(whole[:4096] + b"\x07" * 4096 + whole[8192:])
    refused("tape.db")
    (copy / "tape.db").write_bytes(whole)
    # A tape that is older than the ledger.
    with sqlite3.connect(copy / "tape.db") as tape:
        tape.execute("update tape_partitions set next_offset = 1 where topic = 'coin_topic'")
    tape.close()
    holds = (copy / "HOLDS").read_text().splitlines()
    size = (copy / "tape.db").stat().st_size
    (copy / "HOLDS").write_text("\n".join(
        f"tape tape.db {size}" if line.startswith("tape ") else line for line in holds) + "\n")
    refused("and the tape ends at 1")
    # The same without a list, or of a store alone where the tape is a file of its own.
    alone = World(site.server_port)
    collect(alone)
    alone.expect(0, "backup", "alone.db")
    other.expect(1, "restore", str(alone.folder / "alone.db"), says="the backup holds none")
    other.expect(1, "restore", str(other.folder / "sources"), says="no backup of tapedeck's")


def beside_a_recorder_that_is_killed():
    site = Prices()
    world = World(site.server_port)
    (world.folder / "tapedeck.toml").write_text(OWN_TAPE)
    process, lines = world.start()
    wait_until(ended(lines), "a slot")
    # Over and over, while the next slot is asked, put on the tape and loaded.
    copies = []
    end = time.monotonic() + 90
    while not ended(lines, times=2)() or len(copies) < 3:
        assert time.monotonic() < end, lines
        name = f"copy{len(copies)}"
        told = json.loads(world.expect(0, "backup", name, "--captures", "--json"))
        assert told["loaded"] + told["waiting"] >= 3, told
        copies.append(world.folder / name)
        time.sleep(0.3)
    process.kill()
    process.wait()
    answered = list(site.answered)
    assert on_tape(world.folder / "tape.db") and len(answered) >= 4
    for copy in (copies[0], copies[len(copies) // 2], copies[-1]):
        restored_and_run_on(site, copy, answered)


def restored_and_run_on(site, copy, answered):
    other = World(site.server_port)
    (other.folder / "tapedeck.toml").write_text(OWN_TAPE)
    kept = on_tape(copy / "tape.db")
    assert len(set(kept)) == len(kept), kept
    other.expect(0, "restore", str(copy))
    before = len(site.answered)
    process, lines = other.start()
    wait_until(ended(lines), "a slot after the restore")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) == 0, lines
    # A slot that the copy had begun is begun again within its grace; its prices come beside.
    new = [(coin, price) for coin, price in on_tape(other.folder / "tape.db")[len(kept):]]
    assert prices_of(other) == sorted(kept + new), (prices_of(other), kept, new)
    assert set(kept) <= set(answered) and set(new) <= set(site.answered[before:]), (kept, new)
    other.expect(0, "audit")
    states = other.states()
    assert states["pending"] == 0 and states["lost"] == 0, states


program_test.run_all([one_file_is_all_there_is, a_tape_of_its_own, what_is_not_whole_is_refused,
                      beside_a_recorder_that_is_killed])
