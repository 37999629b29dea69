#!/usr/bin/env python3
"""Loading from Kafka into PostgreSQL: how fast, beside PostgreSQL's own limit and beside peers.

    run.py [--rows 6000000] [--runs 3] [--peers none|python|all] [--instruments 1000] [--quick]
           [--only load|drain|quiet|latency] [--scratch FOLDER]

Starts a Kafka broker and a PostgreSQL of its own on loopback (settings: parts.py), fills topics, and
lets every contestant load them from the same state; each result is held against what was produced.
load: rows a second, CPU and memory of all contestants, after loads that are not counted: they leave
the encoded rows for the limit, and the broker, a Java program, compiles itself meanwhile.
drain: memory over 10 million messages. quiet: CPU of a loader with nothing to do.
latency: from an append to the row being seen.
Answers with Markdown. Needs what ./test installs; the peers come from PyPI and Maven Central, once.
About 15 GB of disk for 6 million rows.
"""
import argparse
import json
import signal
import statistics
import subprocess
import sys
import time

import parts

FORMS = {"own": "tapedeck's messages", "array": "the original's arrays"}
WARM_UPS = 4  # from then on the broker's CPU time a million rows hardly falls


def fill(bench, asked):
    topics = {(form, n): bench.fill(form, n, asked.rows) for form in FORMS for n in (1, 3)}
    bench.prepare([bench.fill(form, 1, 600, f"small_{form}") for form in FORMS])
    return topics


def plan(asked, topics):
    """(name, form, function of the bench) of every contestant, in the order of a round."""
    import contestants as c

    for form, title in FORMS.items():
        for n in (1, 3):
            topic = topics[form, n]
            yield (f"tapedeck load, {n} partition{'s' * (n > 1)}", form,
                   lambda bench, topic=topic: c.run_tapedeck(bench, topic))
        topic = topics[form, 1]
        yield "limit: one COPY BINARY", form, lambda bench, topic=topic: c.run_limit(bench, topic, False)
        yield "limit: in tapedeck's transactions", form, lambda bench, topic=topic: c.run_limit(bench, topic, True)
        if asked.peers != "none":
            yield "Python, orjson, COPY", form, lambda bench, topic=topic: c.run_python(bench, topic)
        if asked.peers == "all":
            how = form
            yield ("PySpark, JDBC tuned", form,
                   lambda bench, topic=topics[form, 3], how=how: c.run_spark(bench, topic, how))
    if asked.peers == "all":
        topic = topics["array", 1]
        yield "the original's logic on PySpark", "array", lambda bench: c.run_spark(bench, topic, "original")


def race(bench, asked):
    import contestants as c

    topics = fill(bench, asked)
    for form in ("own",) * WARM_UPS + ("array",) * WARM_UPS:
        print(f"warming up: {FORMS[form]}", file=sys.stderr, flush=True)
        c.run_tapedeck(bench, topics[form, 1])
    results = {}
    for turn in range(asked.runs):
        for name, form, run in plan(asked, topics):
            print(f"run {turn + 1} of {asked.runs}: {name}, {FORMS[form]}", file=sys.stderr, flush=True)
            results.setdefault((form, name), []).append(run(bench))
    medians = {key: median_of(runs) for key, runs in results.items()}
    for form in FORMS:
        report(asked, form, {name: value for (of, name), value in medians.items() if of == form},
               bench.batch_rows[form])
    verdict(medians)


def median_of(runs):
    keys = ("total", "started", "cpu", "postgres", "kafka", "memory")
    return {key: statistics.median(run[key] for run in runs) for key in keys} | {
        "remark": runs[0].get("remark", "")}


def report(asked, form, rows, batch):
    print(f"\n{asked.rows:,} rows from {FORMS[form]}; {batch:,} rows in tapedeck's median transaction; "
          f"median of {asked.runs}:\n")
    print("| | rows a second from its start | from its first row | of the limit | CPU s a million rows: "
          "its own | PostgreSQL | Kafka | memory |\n|---|---|---|---|---|---|---|---|")
    limit = rows["limit: one COPY BINARY"]["started"]
    for name, it in rows.items():
        remark = f" ({it['remark']})" if it["remark"] else ""
        print(f"| {name}{remark} | {it['total']:,.0f} | {it['started']:,.0f} | {it['started'] / limit:.0%} | "
              f"{it['cpu']:.2f} | {it['postgres']:.2f} | {it['kafka']:.2f} | {it['memory']:.0f} MiB |", flush=True)


def verdict(medians):
    """What issue 4 asks for, and what came of it."""
    lines = []

    def hold(what, value, wanted, at_least=True):
        good = value >= wanted if at_least else value <= wanted
        lines.append(f"| {what} | {'at least' if at_least else 'at most'} {wanted:g} | {value:.3g} | "
                     f"{'yes' if good else 'NO'} |")

    for form, title in FORMS.items():
        of = {name: value for (which, name), value in medians.items() if which == form}
        for n in ("1 partition", "3 partitions"):
            ours = of[f"tapedeck load, {n}"]
            hold(f"{title}, {n}: of the limit", ours["started"] / of["limit: one COPY BINARY"]["started"], 0.85)
            hold(f"{title}, {n}: loader's CPU s a million rows", ours["cpu"], 1.0, False)
            hold(f"{title}, {n}: MiB", ours["memory"], 64, False)
        ours = of["tapedeck load, 1 partition"]
        for name, factor in (("PySpark, JDBC tuned", 2), ("the original's logic on PySpark", 5),
                             ("Python, orjson, COPY", 1)):
            if name in of:
                hold(f"{title}: times {name}", ours["started"] / of[name]["started"], factor)
    print("\n| what | wanted | measured | held |\n|---|---|---|---|")
    print("\n".join(lines), flush=True)


def drain(bench, asked):
    import contestants as c

    rows = 500_000 if asked.quick else 10_000_000
    topic = bench.fill("own", 3, rows, "drain")
    bench.prepare([bench.fill("own", 1, 600, "small_drain")])
    result = c.run_tapedeck(bench, topic, keep=False)
    print(f"\nDraining {rows:,} messages from 3 partitions: at most {result['memory']:.1f} MiB resident "
          f"(wanted: 64), {result['started']:,.0f} rows a second.", flush=True)


def loaded(link, topic):
    """Messages of the topic that the ledger has passed; 0 as long as there is no ledger."""
    if link.execute("select to_regclass('offsets')").fetchone()[0] is None:
        return 0
    return link.execute("select coalesce(sum(next_offset), 0) from offsets where topic = %s",
                        (topic.name,)).fetchone()[0]


def start_loader(bench, topic):
    """A loader that goes on until it is told to end; returns once it has loaded what there is."""
    command = [part for part in bench.loading(topic) if part != "--until-end"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 60
    with bench.connect() as link:
        while loaded(link, topic) < topic.messages:
            if time.monotonic() > deadline or process.poll() is not None:
                sys.exit("the loader did not load what there was")
            time.sleep(0.05)
    return process


def end_loader(process):
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)


def quiet(bench, asked):
    import meter

    seconds = 10 if asked.quick else 60
    topic = bench.fill("own", 3, 1_000, "quiet")
    bench.fresh("template1")
    process = start_loader(bench, topic)
    time.sleep(5)
    before, began = meter.cpu_of_tree(process.pid), time.monotonic()
    time.sleep(seconds)
    used, took = meter.cpu_of_tree(process.pid) - before, time.monotonic() - began
    peak = meter.peak_of(process.pid)
    end_loader(process)
    print(f"\nA loader with nothing to do, over {took:.0f} s: {used * 1000:.0f} ms of CPU "
          f"({used / took:.2%} of a core), {peak:.1f} MiB at most.", flush=True)


def latency(bench, asked):
    rounds = 40 if asked.quick else 300
    topic = bench.fill("own", 3, 1_000, "latency")
    bench.fresh("template1")
    process = start_loader(bench, topic)
    program, = parts.build("load_latency")
    told = json.loads(parts.processes.run([program, "--brokers", bench.brokers, "--topic", topic.name,
                                           "--url", bench.url, "--rounds", str(rounds)]))
    end_loader(process)
    print(f"\nFrom an answer received to its row being seen, {rounds} appends of 1 to 12 messages, 0.2 to 1 s "
          "apart, ms:\n\n| | median | 90 % | 99 % | most |\n|---|---|---|---|---|")
    for name in ("appended", "seen"):
        print(f"| {name} | " + " | ".join(f"{told[name][key]:.1f}" for key in ("median", "p90", "p99", "most")) + " |",
              flush=True)


TASKS = {"load": race, "latency": latency, "quiet": quiet, "drain": drain}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=6_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", choices=["none", "python", "all"], default="all")
    parser.add_argument("--instruments", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="300,000 rows, once, without peers")
    parser.add_argument("--only", choices=list(TASKS), action="append")
    parser.add_argument("--scratch", help="where the servers' folders are made")
    asked = parser.parse_args()
    if asked.quick:
        asked.rows, asked.runs, asked.peers = 300_000, 1, "none"
    asked.rows -= asked.rows % 6
    import contestants

    with parts.scratch_folder(asked.scratch) as folder, parts.kafka(folder) as broker, \
            parts.postgres(folder) as server:
        bench = contestants.Bench(folder, broker, server, asked.instruments)
        print(f"tapedeck {parts.commit_of_source()}, load average {parts.load_average():.1f} before the start")
        for name in asked.only or TASKS:
            TASKS[name](bench, asked)
        bench.admin.close()


parts.enter_environment()
main()
