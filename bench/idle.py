"""Question: what does the recorder cost while nothing is due, and is it on time?
Data: the real program, twice. First `tapedeck run` with 12 instruments every two minutes from a
server of ours on loopback (pages of 150 kB): resident memory and voluntary context switches while
it waits. Then the demo, so fast that a slot begins every second: how late each slot's first task
began, in real time.
Limits: ready within 100 ms; below 25 MiB at the start and a minute after a slot; no wake-up but
the schedule's; at the 99th percentile a slot begins within 50 ms of its instant.

    bench/idle.py [--program FILE] [--slots N] [--seconds N]
"""
import argparse
import http.server
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ("<html><head><title>{0}</title></head><body><h1>{0}</h1><div class='price'>${1}</div>"
        + "".join(f"<div class='row r{i}'><a href='/coins/{i}/'>coin {i}</a><span>{i}.00</span></div>"
                  for i in range(2_000)) + "</body></html>")
SOURCE = """
[source]
name = "bench"
url = "http://127.0.0.1:{port}/{{instrument}}"
pace = "6000/min"
identity = "url"
[[rule]]
name = "price"
price = {{ css = ".price" }}
currency = "USD"
"""
CONFIG = """
[sources]
folder = "sources"
[feed.coin]
instruments = [{names}]
sources = ["bench"]
[feed.stock]
instruments = []
sources = ["bench"]
[dag.coin_market_record]
schedule = "*/2 * * * *"
"""


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = PAGE.format(self.path[1:], f"{time.time():.2f}").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def status(pid):
    """Resident KiB and voluntary context switches of all threads."""
    rss, switches = 0, 0
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            rss = int(line.split()[1])
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                switches += int(line.split()[1])
    return rss, switches


def start(program, folder, *arguments):
    """The process, and the milliseconds until it said that it is ready."""
    began = time.monotonic()
    process = subprocess.Popen([program, *arguments], cwd=folder, stderr=subprocess.PIPE, text=True,
                               stdout=subprocess.DEVNULL)
    for line in process.stderr:
        if '"recorder_ready"' in line:
            break
    else:
        raise SystemExit(f"{program} {arguments} ended with {process.wait()}")
    ready = (time.monotonic() - began) * 1000
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return process, ready


def stop(process):
    process.send_signal(signal.SIGTERM)
    return process.wait(timeout=60)


def seconds_to_slot():
    return 120 - time.time() % 120


def idle(program, slots):
    held = True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/sources")
        names = ", ".join(f'"coin-{i}"' for i in range(12))
        pathlib.Path(f"{folder}/tapedeck.toml").write_text(CONFIG.format(names=names))
        pathlib.Path(f"{folder}/sources/bench.toml").write_text(
            SOURCE.format(port=server.server_port))
        cold, first = start(program, folder, "run")
        stop(cold)
        readies = [first]
        for _ in range(9):
            process, ready = start(program, folder, "run")
            readies.append(ready)
            if len(readies) < 10:
                stop(process)
        print(f"ready after exec: first {readies[0]:.0f} ms, then median "
              f"{sorted(readies[1:])[4]:.0f} ms, worst {max(readies):.0f} ms (limit 100)")
        held &= sorted(readies)[8] <= 100
        time.sleep(1)
        rss, _ = status(process.pid)
        print(f"resident at the start: {rss / 1024:.1f} MiB (limit 25)")
        held &= rss < 25 * 1024
        for slot in range(slots):
            # Half the interval after a slot its grace ends, and the schedule looks once more.
            time.sleep(seconds_to_slot() + 62)
            rss, before = status(process.pid)
            time.sleep(seconds_to_slot() - 5)
            _, after = status(process.pid)
            print(f"slot {slot + 1}: resident a minute later {rss / 1024:.1f} MiB (limit 25), "
                  f"{after - before} voluntary context switches in the 53 s that follow (limit 0)")
            held &= rss < 25 * 1024 and after == before
        stop(process)
        rows = sqlite3.connect(f"{folder}/tapedeck.db").execute(
            "select count(*) from coin_records").fetchone()[0]
        print(f"{rows} prices recorded meanwhile")
        held &= rows >= slots * 12
    server.shutdown()
    return held


def latency(program, seconds):
    speed = 300  # a slot of five minutes each second
    with tempfile.TemporaryDirectory() as folder:
        process, _ = start(program, folder, "demo", "--plain", "--speed", str(speed))
        time.sleep(seconds)
        stop(process)
        late = [(began - slot) / 1000 / speed for began, slot in sqlite3.connect(
            f"{folder}/tapedeck-demo.db").execute(
            "select min(t.started_at), r.slot from task_tries t join dag_runs r using (run_id) "
            "group by run_id")]
    late.sort()
    at = lambda share: late[min(len(late) - 1, int(len(late) * share))]
    print(f"{len(late)} slots began late by {at(.5):.2f} ms at the median, {at(.99):.2f} ms at the "
          f"99th percentile (limit 50), {late[-1]:.2f} ms at most")
    return at(.99) <= 50


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=ROOT / "build/release/src/app/tapedeck")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=120)
    told = parser.parse_args()
    program = str(pathlib.Path(told.program).resolve())
    held = latency(program, told.seconds)
    held &= idle(program, told.slots)
    print("all limits:", "held" if held else "NOT held")
    return 0 if held else 1


if __name__ == "__main__":
    raise SystemExit(main())
