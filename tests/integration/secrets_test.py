"""No secret leaves the program: sites of ours on loopback are told canaries in every way that a
source can tell one, and repeat them in redirects, headers, pages and errors, raw and encoded. Then
every output of every verb, every file, every table and every message is searched for each canary in
each form; with files of the program's own, and with a real PostgreSQL and Kafka."""
import base64
import concurrent.futures
import contextlib
import ctypes
import html
import http.server
import json
import os
import pathlib
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import kafka

from refused_test import Postgres, Server

PROGRAM = os.path.abspath(sys.argv[1])
KEY = "cAnary+K3y/x=9zQ7wvB2"
CANARIES = {
    "key in a URL": KEY,
    "key in a header": "cAnaryHeader-4f8a61d0c2",
    "literal header": "cAnaryLiteral-77e1b5930a",
    "password in a URL": "cAnaryUrlpw-5b2f90e7d1",
    "password of a proxy": "cAnaryProxy-19c4d7b8f0",
    "literal key in a URL": "cAnaryQuery-c3f7740b1e",
    "cookie": "cAnaryCookie-8d1f63a2e95b",
    "crumb": "cAnaryCrumb.7Jq",
    "password of the store": "cAnaryStore-0f93be61a7",
    "password of Kafka": "cAnaryKafka-62d07c4bf8",
    "secret nobody asks for": "cAnaryUnused-a90b7de3c4",
    "RDS_PW": "cAnaryRds-3e8c51f06d",
}
C = CANARIES
SOURCES = {
    "redirect": 'url = "{site}/redirect/{{instrument}}?key={{key}}"\nsecret = "api"',
    "circle": 'url = "{site}/circle/{{key}}/{{instrument}}"\nsecret = "api"',
    "foreign": 'url = "{site}/foreign/{{instrument}}?key={{key}}"\nsecret = "api"',
    "body": 'url = "{site}/body/{{instrument}}?key={{key}}"\nsecret = "api"',
    "error": 'url = "{site}/error/{{instrument}}?key={{key}}"\nsecret = "api"',
    "header": 'url = "{site}/header/{{instrument}}"\nsecret = "header"\n'
              'headers = {{ "X-Api-Key" = "{{key}}", Authorization = "Bearer ' + C["literal header"]
              + '" }}',
    "basic": 'url = "http://canaryuser:' + C["password in a URL"] + '@{address}/basic/{{instrument}}'
             '?api_key=' + C["literal key in a URL"] + '"',
    "session": 'url = "{site}/session/{{instrument}}?crumb={{crumb}}"\n'
               'session = {{ cookie_url = "{site}/cookie", crumb_url = "{site}/crumb" }}',
    "proxied": 'url = "http://proxied.invalid/proxied/{{instrument}}"\n'
               'proxy = "http://canaryproxy:' + C["password of a proxy"] + '@{address}"',
}
RULES = """
pace = "6000/min"
identity = "url"
[[error]]
reason = "unauthorized"
pointer = "/error"
[[rule]]
name = "price"
price = { css = ".price" }
full_name = { css = "h1" }
currency = "USD"
"""


def encodings(text):
    """The text in every form in which it is looked for."""
    quoted = urllib.parse.quote(text, safe="")
    forms = {text, text[:13], quoted, urllib.parse.quote_plus(text), html.escape(text),
             re.sub("%..", lambda hexed: hexed[0].lower(), quoted),
             urllib.parse.quote(quoted, safe=""), json.dumps(text)[1:-1], text.replace("/", "\\/")}
    for before in range(3):
        whole = base64.b64encode(b"u" * before + text.encode()).rstrip(b"=").decode()
        inside = whole[(0, 2, 3)[before]:len(whole) - 1]
        forms |= {inside, inside.translate(str.maketrans("+/", "-_"))}
    return {form.encode() for form in forms}


FORMS = {name: encodings(text) for name, text in CANARIES.items()}


def leaks(data):
    return [f"{name} as {form.decode()!r}: ...{data[max(0, data.find(form) - 60):][:160]!r}"
            for name, forms in FORMS.items() for form in forms if form in data]


class Site(http.server.ThreadingHTTPServer):
    """Repeats whatever it is told, in redirects, headers, pages and errors."""
    daemon_threads = True

    def __init__(self):
        site = self
        self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append((self.path, dict(self.headers)))
                path = urllib.parse.urlsplit(self.path)
                site.answer(self, path.path.split("/")[1], path)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_port}"

    @property
    def url(self):
        return "http://" + self.address

    def answer(self, handler, kind, path):
        quoted, encoded = urllib.parse.quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode()
        told = [KEY, quoted, encoded, *handler.headers.values(), path.query]
        page = echo(told)
        if kind == "redirect":
            return send(handler, 302, "", {"Location": f"/body/x?key={quoted}&trace={encoded}"})
        if kind == "circle":
            return send(handler, 302, "", {"Location": f"/circle/{quoted.lower()}/{encoded}"})
        if kind == "foreign":
            again = urllib.parse.quote(quoted, safe="")
            return send(handler, 302, "", {"Location": f"{self.other.url}/?to={again}"})
        if kind == "error":
            text = "x" * 185 + KEY
            return send(handler, 200, json.dumps({"error": text, "key": KEY}),
                        {"Content-Type": "application/json", "X-Key": KEY})
        if kind == "basic":
            return send(handler, 302, "", {"Location": "/body/basic?" + path.query})
        if kind == "cookie":
            return send(handler, 200, "hello",
                        {"Set-Cookie": f"sid={C['cookie']}; Path=/; HttpOnly"})
        if kind == "crumb":
            return send(handler, 200, C["crumb"], {})
        if kind == "session" and path.query != "crumb=" + C["crumb"]:
            return send(handler, 401, echo(told + ["no crumb"]), {})
        return send(handler, 200, page, {"X-Echo": " ".join(told), "Set-Cookie": f"again={KEY}"})


def echo(told):
    words = " ".join(html.escape(text) for text in told)
    return (f"<html><title>{words}</title><h1>Bitcoin {words}</h1><p>{' '.join(told)}</p>"
            f"<script>{json.dumps(told)}</script><div class='price'>$22,470.52</div></html>")


def send(handler, status, body, headers):
    data = body.encode()
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value.replace("\n", " "))
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    with contextlib.suppress(OSError):
        handler.wfile.write(data)


class Files:
    """Store and tape in files of the program's own, which the search of the folder finds."""
    config = []

    def query(self, world, sql):
        with contextlib.closing(sqlite3.connect(world.folder / "tapedeck.db")) as database:
            return database.execute(sql).fetchall()

    def values(self):
        return []


class Servers:
    """A database that demands a canary as its password, and a broker."""

    def __init__(self):
        self.postgres, self.broker = Postgres(), Server("kafka")
        self.postgres.psql(f"create role canary login password '{C['password of the store']}'")
        self.postgres.psql("create database canaries owner canary")
        self.config = ['[store]', f'url = "postgresql://canary@127.0.0.1:{self.postgres.port}/canaries"',
                       'secret = "store"', '[secret.store]', 'env = "STORE_PASSWORD"', '[tape]',
                       f'url = "kafka://127.0.0.1:{self.broker.state["port"]}"']

    def query(self, world, sql):
        rows = json.loads(self.postgres.psql(
            f"select coalesce(json_agg(t), '[]') from ({sql}) t", "canaries"))
        return [tuple(f"{value}" for value in row.values()) for row in rows]

    def values(self):
        """Every value of every table and of every message, and whose it is."""
        tables = self.postgres.psql("select relname from pg_class where relkind = 'r' and relnamespace ="
                                    " 'public'::regnamespace", "canaries").split()
        assert "outcomes" in tables, tables
        for table in tables:
            for line in self.postgres.psql(f'select row_to_json(t) from "{table}" t', "canaries").splitlines():
                for column, value in json.loads(line).items():
                    text = str(value)
                    yield f"{table}.{column}", bytes.fromhex(text[2:]) if text.startswith("\\x") else text.encode()
        yield "messages", b"".join(self.messages())

    def messages(self):
        consumer = kafka.KafkaConsumer(bootstrap_servers=f"127.0.0.1:{self.broker.state['port']}",
                                       consumer_timeout_ms=5000, enable_auto_commit=False)
        parts = [kafka.TopicPartition(topic, part) for topic in consumer.topics()
                 for part in consumer.partitions_for_topic(topic)]
        consumer.assign(parts)
        consumer.seek_to_beginning()
        read = [(one.key or b"") + (one.value or b"") + repr(one.headers).encode() for one in consumer]
        assert sum(consumer.end_offsets(parts).values()) == len(read) > 0
        consumer.close()
        return read


class World:
    def __init__(self, site, log_format, kept):
        self.kept = kept
        self.place = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.place.name)
        self.inputs = self.folder / "inputs"  # the only place in which canaries may be
        (self.inputs / "sources").mkdir(parents=True)
        (self.inputs / "unused").write_text(C["secret nobody asks for"] + "\n")
        config = ['[sources]\nfolder = "inputs/sources"', f'[log]\nformat = "{log_format}"',
                  '[alert]\non_problem = "env > child.environment; ls -l /proc/self/fd > child.files"'
                  '\nenvironment = ["TELL_ME"]',
                  '[secret.api]\nenv = "CANARY_KEY"', '[secret.header]\nenv = "CANARY_HEADER"',
                  '[secret.unused]\nfile = "inputs/unused"',
                  '[feed.coin]\ninstruments = []', '[feed.stock]\ninstruments = []',
                  '[dag.coin_market_record]\npaused = true', '[dag.stock_market_record]\npaused = true',
                  '[dag.all]\nschedule = "* * * * *"\nretries = 0', *kept.config]
        for name, lines in SOURCES.items():
            text = f'[source]\nname = "{name}"\n' + lines.format(site=site.url, address=site.address)
            (self.inputs / f"sources/{name}.toml").write_text(text + RULES)
            config.append(f'[feed.f_{name}]\ninstruments = ["bitcoin"]\nsources = ["{name}"]\n'
                          f'[dag.all.task.{name}]\nkind = "collect"\nfeed = "f_{name}"')
        (self.folder / "tapedeck.toml").write_text("\n".join(config) + "\n")
        (self.inputs / "variables.json").write_text(json.dumps({
            "coin_scraping": {"coin_list": ["bitcoin"], "base_url": site.url + "/",
                              "price_html_class": "price"},
            "rds": {"RDS_URL": f"jdbc:postgresql://db.invalid/m?user=u&password={C['RDS_PW']}",
                    "RDS_USER": "u", "RDS_PW": C["RDS_PW"], "RDS_TABLE_COIN": "coin_records"}}))
        self.texts = []  # (command, what it said)

    def environment(self):
        return {**{key: value for key, value in os.environ.items() if key != "TAPEDECK_CONFIG"},
                "CANARY_KEY": KEY, "CANARY_HEADER": C["key in a header"],
                "STORE_PASSWORD": C["password of the store"], "PGPASSWORD": C["password of the store"], "RDS_PW": C["RDS_PW"],
                "KAFKA_PASSWORD": C["password of Kafka"], "TELL_ME": "as I wished"}

    def tell(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments], cwd=self.folder, capture_output=True,
                              timeout=120, env=self.environment())
        self.texts.append((" ".join(arguments[:3]), done.stdout + b"\n" + done.stderr))
        assert done.returncode in range(7), f"{arguments}: {done.returncode} {done.stderr}"
        return done.returncode, done.stdout, done.stderr

    def both(self, *arguments):
        self.tell(*arguments)
        return self.tell(*arguments, "--json")

    def all_both(self, verbs):
        """Of verbs that only read, beside each other."""
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda verb: self.both(*verb), verbs))

    def record_a_slot(self):
        with open(self.folder / "log.txt", "wb") as log:
            process = subprocess.Popen([PROGRAM, "run", "--slots", "1", "--plain"], cwd=self.folder,
                                       stdout=log, stderr=log, env=self.environment(),
                                       preexec_fn=wants_core_dumps)
            try:
                limits = ""
                while "Max core file size" not in limits:
                    limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
                end = time.monotonic() + 20
                while not re.search(r"Max core file size +[01] ", limits):
                    assert time.monotonic() < end, limits
                    limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
                code = process.wait(timeout=200)
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    process.wait(timeout=30)
        assert code == 0, (self.folder / "log.txt").read_text()

    def search(self):
        found = []
        for command, text in self.texts:
            found += [f"output of {command}: {leak}" for leak in leaks(text)]
        for path in self.folder.rglob("*"):
            if path.is_file() and self.inputs not in path.parents:
                data = path.read_bytes()
                if data.startswith(b"PGDMP"):
                    data += subprocess.run(["pg_restore", "-f", "-", path], capture_output=True, check=True).stdout
                found += [f"file {path.name}: {leak}" for leak in leaks(data)]
                if data.startswith(b"SQLite format 3"):
                    found += self.search_database(path)
        for place, value in self.kept.values():
            found += [f"{place}: {leak}" for leak in leaks(value)]
        assert not found, "\n".join(found)

    def search_database(self, path):
        with contextlib.closing(sqlite3.connect(path)) as database:
            tables = [row[0] for row in
                      database.execute("select name from sqlite_master where type = 'table'")]
            for table in tables:
                columns = [row[1] for row in database.execute(f'pragma table_info("{table}")')]
                for row in database.execute(f'select * from "{table}"'):
                    for column, value in zip(columns, row):
                        data = value if isinstance(value, bytes) else str(value).encode()
                        data += unpacked(data)
                        for leak in leaks(data):
                            yield f"{path.name}: {table}.{column}: {leak}"


def wants_core_dumps():
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


def unpacked(data):
    if not data.startswith(b"\x28\xb5\x2f\xfd"):
        return b""
    zstd = ctypes.CDLL("libzstd.so.1")
    zstd.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
    zstd.ZSTD_decompress.restype = ctypes.c_size_t
    size = zstd.ZSTD_getFrameContentSize(data, ctypes.c_size_t(len(data)))
    room = ctypes.create_string_buffer(size)
    got = zstd.ZSTD_decompress(room, ctypes.c_size_t(size), data, ctypes.c_size_t(len(data)))
    assert got == size, "a capture that cannot be unpacked"
    return room.raw


def scenario(log_format, kept):
    site, other = Site(), Site()
    site.other = other
    world = World(site, log_format, kept)
    world.record_a_slot()
    for name in SOURCES:
        world.both("collect", "f_" + name, "--off-schedule")
    world.tell("load", "--until-end")
    verbs = [["status"], ["gaps"], ["audit"], ["sources"], ["sources", "--probe"], ["check"],
             ["config", "show"], ["config", "check"], ["config", "explain", "net.proxy"],
             ["dag", "list"], ["next"], ["export"], ["export", "--all"],
             ["plot", "bitcoin", "--feed", "f_body"],
             ["variables", "import", "inputs/variables.json", "--dry-run"]]
    for name in SOURCES:
        verbs += [["sources", name],
                  ["extract", "--source", name, "--instrument", "bitcoin", "tapedeck.toml"]]
    world.all_both(verbs)
    world.tell("export", "--output", "prices.csv")
    world.tell("plot", "bitcoin", "--feed", "f_body", "--svg", "chart.svg")
    world.tell("backup", "copy.db")
    why_every_price(world)
    refused_configurations(world)
    world.search()
    says_what_it_must(world, site, other)
    site.shutdown()
    other.shutdown()
    world.place.cleanup()


def why_every_price(world):
    slots = world.kept.query(world, "select distinct feed, instrument, slot from outcomes")
    assert len(slots) >= len(SOURCES), slots
    world.all_both([["why", feed, instrument, slot if isinstance(slot, str) else
                     time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(slot / 1e6))]
                    for feed, instrument, slot in slots])


def refused_configurations(world):
    store, kafka = C["password of the store"], C["password of Kafka"]
    for setting in (f"store.url=postgresql://u:{store}@db.invalid/m", f"net.proxy=http://u:{store}@p:1",
                    f"store.url=jdbc:postgresql://db.invalid/m?user=u&password={store}",
                    f"tape.url=kafka://u:{kafka}@broker.invalid:9092"):
        code, _, error = world.tell("config", "show", "--set", setting)
        assert code != 0 and b"[secret]" in error, f"{setting}: {code} {error}"
    for text in (f'[store]\nurl = "postgres:/u:{store}@db"', f'[store]\nurl = "sqlite://u:{store}@db"',
                 f'[tape]\nurl = "kafka://u:{kafka}@broker.invalid:9092"',
                 f'[store]\npassword = "{store}"', f'[tape]\nurl = "u:{kafka}@broker"',
                 f'[source.mine]\nbase_url = "https://u:{store}@site.invalid/"\n'
                 'price_html_class = "p"',
                 f'[source.mine]\nbase_url = "https://site.invalid/?api_key={store}&of="\n'
                 'price_html_class = "p"',
                 f'[store]\nurl = "postgresql://u:{store}@db.invalid/m'):
        (world.inputs / "wrong.toml").write_text(text + "\n")
        for verb in ("check", "show"):
            code, _, _ = world.tell("config", verb, "--config", "inputs/wrong.toml")
            assert code != 0, text
    (world.inputs / "right.toml").write_text(
        f'[store]\nurl = "postgresql://u:{store}@127.0.0.1:1/m"\n[net]\n'
        f'proxy = "http://u:{C["password of a proxy"]}@p.invalid:1"\n'
        '[tape]\nurl = "kafka://127.0.0.1:1"\nuser = "u"\nsecret = "kafka"\n'
        '[secret.kafka]\nenv = "KAFKA_PASSWORD"\n')
    for verb in (["config", "show"], ["check"], ["status"], ["sources"]):
        world.both(*verb, "--config", "inputs/right.toml")


def says_what_it_must(world, site, other):
    """The canaries were told and repeated indeed, and nothing that is no secret was touched."""
    paths = urllib.parse.unquote(" ".join(path for path, _ in site.asked))
    heads = " ".join(value for _, headers in site.asked for value in headers.values())
    assert KEY in paths and C["crumb"] in paths and C["literal key in a URL"] in paths
    assert C["key in a header"] in heads and C["literal header"] in heads and C["cookie"] in heads
    assert base64.b64encode(f"canaryuser:{C['password in a URL']}".encode()).decode() in heads
    assert base64.b64encode(f"canaryproxy:{C['password of a proxy']}".encode()).decode() in heads
    assert not other.asked, f"another host was told: {other.asked}"
    environment = (world.folder / "child.environment").read_text()
    assert "TAPEDECK_EVENT=" in environment and "TELL_ME=as I wished" in environment
    assert "PATH=" in environment and "PGPASSWORD" not in environment
    files = (world.folder / "child.files").read_text()
    assert "tapedeck.db" not in files and "socket:" not in files, files
    for name in ("redirect", "body", "header", "basic", "session", "proxied"):
        prices = world.kept.query(world, f"select price from f_{name}_records")
        assert prices and set(prices) == {("22470.52",)}, f"{name}: {prices}"
    reasons = dict(world.kept.query(world, "select feed, reason from outcomes where state = 'failed'"))
    assert reasons["f_foreign"] == "redirects" and reasons["f_error"] == "unauthorized", reasons
    with contextlib.closing(sqlite3.connect(world.folder / "tapedeck.captures.db")) as captures:
        marked = captures.execute("select count(*) from captures where headers like "
                                  "'%tapedeck-secrets-removed: %'").fetchone()[0]
    assert marked > 0, "no capture says that secrets were taken out"


def main():
    failures = []

    def run(log_format, kept):
        try:
            scenario(log_format, kept())
        except BaseException as error:  # noqa: told below, after the others
            failures.append(f"{log_format}, {kept.__name__}: {type(error).__name__}: {error}")

    worlds = [("json", Files), ("text", Files), ("json", Servers)]
    threads = [threading.Thread(target=run, args=world) for world in worlds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit("\n\n".join(failures)[:20000])
    print("no canary anywhere")


if __name__ == "__main__":
    main()
