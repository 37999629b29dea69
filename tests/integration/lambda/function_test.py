"""A function's program under a runtime interface that misbehaves, fetching from a site on loopback and
publishing to a real Kafka: what it answers is what stands there, once. Arguments: the program, before it what runs it."""
import atexit
import http.server
import json
import pathlib
import shutil
import socket
import sys
import tempfile
import threading
import time

import kafka

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "servers"))
from starters import call  # noqa: E402
from runtime_interface import Function, RuntimeInterface

*RUNNER, PROGRAM = sys.argv[1:]
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="tapedeck-lambda-"))
PRICES = {"bitcoin": "$22,470.52", "ethereum": "$1,643.123456789", "solana": "$0.00001"}


class Site(http.server.ThreadingHTTPServer):
    """Pages in the shape that the earlier pipeline read; hangs on names in `hangs`."""
    daemon_threads = True

    def __init__(self):
        site = self
        self.hangs, self.asked = set(), []

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                name = self.path.strip("/").split("/")[-1]
                site.asked.append(name)
                if name in site.hangs:
                    time.sleep(30)
                price = PRICES.get(name)
                body = (f"<html><head><title>{name} price</title><link rel='canonical' href='/currencies/{name}/'>"
                        f"</head><body><h1 class='name'>Name ({name})</h1><div class='priceValue'>{price}</div>"
                        f"<span class='close'>100.5</span></body></html>").encode()
                self.send_response(200 if price else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def start_kafka():
    def run(verb, *arguments):
        return call("kafka", verb, "--dir", FOLDER / "kafka", *arguments)
    state = run("start")
    atexit.register(lambda: (run("stop"), shutil.rmtree(FOLDER, ignore_errors=True)))
    for topic in ("coin_topic", "stock_topic", "tapedeck_outcomes"):  # a busy broker makes none in a call's time
        run("topic", "--name", topic)
    return f"127.0.0.1:{state['port']}"


SITE, BROKER = Site(), start_kafka()
INTERFACE = RuntimeInterface()
# Nobody is asked outside of this machine, where the event's own pages read nothing.
LOCAL = f"""
[source.local]
base_url = "http://127.0.0.1:{SITE.server_port}/none/"
price_html_class = "nothing"
[feed.coin]
sources = ["local"]
[feed.stock]
sources = ["local"]
"""
DAILY = f"0 {time.gmtime().tm_hour} * * *"  # its slot may be answered for half a day
SETTINGS = f"""
tape.url = "kafka://{BROKER}"
[dag.coin_market_record]
schedule = "{DAILY}"
[dag.stock_market_record]
schedule = "{DAILY}"
zone = "UTC"
calendar = "always"
""" + LOCAL


def event(**changes):
    # A site of its own for each: the function asks none faster than its pace.
    return {"coin_list": ["bitcoin", "ethereum"], "base_url": f"http://127.0.0.1:{Site().server_port}/currencies/",
            "price_html_class": "priceValue", "kafka_server": BROKER, "kafka_topic": "coin_topic", **changes}


def stock_event(**changes):
    return {"stock_list": ["bitcoin"], "base_url": f"http://127.0.0.1:{SITE.server_port}/quote/",
            "stock_name_html_class": "name", "previouse_close_html_class": "close", "price_html_class": "priceValue",
            "kafka_server": BROKER, "kafka_topic": "stock_topic", **changes}


def messages(topic):
    consumer = kafka.KafkaConsumer(bootstrap_servers=BROKER, consumer_timeout_ms=5000, enable_auto_commit=False)
    parts = [kafka.TopicPartition(topic, p) for p in consumer.partitions_for_topic(topic) or []]
    consumer.assign(parts)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(parts)
    found = []
    while any(consumer.position(part) < ends[part] for part in parts):
        for batch in consumer.poll(timeout_ms=1000).values():
            found += batch
    consumer.close()
    return found


def ok(answer):
    kind, body = answer
    assert kind == "response", body
    return body


def failed(answer, kind, words):
    said, body = answer
    assert said == "error" and body["errorType"] == kind and words in body["errorMessage"], (said, body)


def test_answers_what_stands_in_kafka(function):
    body = ok(INTERFACE.call(event()))
    assert body["statusCode"] == 200 and not body["failed"] and not body["warnings"], body
    listed = {one["coin_name"]: one for one in json.loads(body["body"], parse_float=str)}
    assert {name: one["current_price"] for name, one in listed.items()} == \
        {"bitcoin": "22470.52", "ethereum": "1643.123456789"}, listed
    taken = {(m.partition, m.offset): m for m in messages("coin_topic")}
    assert len(taken) == 2
    for one in body["recorded"]:
        message = taken[one["partition"], one["offset"]]
        assert message.key.decode() == one["instrument"]
        assert json.loads(message.value, parse_float=str) == listed[one["instrument"]]
    account = [json.loads(m.value) for m in messages("tapedeck_outcomes")]
    assert len(account) == 1 and account[0] == body["account"], account
    assert body["evidence"].startswith("none")


def test_keeps_a_retried_slot_one(function):
    slot = ok(INTERFACE.call(event()))["slot"]
    before = {(m.key, json.loads(m.value)["slot"]) for m in messages("coin_topic")}
    for _ in range(7):
        ok(INTERFACE.call(event(slot=slot)))
    after = {(m.key, json.loads(m.value)["slot"]) for m in messages("coin_topic")}
    assert before == after, "the same slots, and so the same rows"


def test_stocks_never_go_to_the_coins(function):
    answer = INTERFACE.call(stock_event(kafka_topic="coin_topic", off="x"))
    body = ok(answer)
    assert any("topic of the feed coin" in warning for warning in body["warnings"]), body
    assert any("off" in warning for warning in body["warnings"]), body
    stock = [json.loads(m.value, parse_float=str) for m in messages("stock_topic")]
    assert [one["current_price"] for one in stock] == ["22470.52"] and stock[0]["previous_close"] == "100.5"
    assert all(b"stock_name" not in m.value for m in messages("coin_topic"))


def test_bad_events_are_named_and_survived(function):
    failed(INTERFACE.call({}), "BadEvent", "neither feed, coin_list nor stock_list")
    failed(INTERFACE.call(event(base_url=5)), "BadEvent", "base_url must be a text")
    failed(INTERFACE.call({"feed": "bonds"}), "BadEvent", "no feed 'bonds'")
    failed(INTERFACE.call(b"{"), "BadEvent", "no JSON")
    failed(INTERFACE.call(b"[" * 6_000_000), "BadEvent", "no JSON")
    failed(INTERFACE.call(b'"' + b"x" * 8_000_000 + b'"'), "BadEvent", "larger than AWS allows")
    failed(INTERFACE.call({"feed": "coin", "slot": "2020-01-01T00:00:00Z"}), "NoSlot", "coin")
    ok(INTERFACE.call(event()))


def test_deadlines_hold(function):
    slow = Site()
    slow.hangs = {"ethereum"}
    pages = {"base_url": f"http://127.0.0.1:{slow.server_port}/currencies/"}
    began = time.time()
    body = ok(INTERFACE.call(event(**pages), seconds=4))
    assert time.time() - began < 4, "answered before the freeze"
    assert [one["instrument"] for one in body["recorded"]] == ["bitcoin"]
    assert [(one["instrument"], one["what"]) for one in body["failed"]] == \
        [("ethereum", "the time of the function was over")], body
    failed(INTERFACE.call(event(), seconds=0.1), "OutOfTime", "longer timeout")
    ok(INTERFACE.call(event(), deadline="600"))  # no time of day: an emulator's


def test_misbehaviour_is_survived(function):
    ok(INTERFACE.call(event(), late=1))
    INTERFACE.send(event(), cut=True, id="cut")
    INTERFACE.send(event(), id="")
    INTERFACE.send(event(), status=500, id="wrong")
    INTERFACE.refused = {"refused"}
    failed(INTERFACE.call(event(), id="refused"), "AnswerRefused", "413")
    twice = [INTERFACE.send(event(), id="twice") for _ in range(2)]
    ok(INTERFACE.answer(twice[0]))
    ok(INTERFACE.call(event()))
    assert len(INTERFACE.answers["twice"]) == 2
    assert "cut" not in INTERFACE.answers, "a call that was cut is not answered"


def test_lines_have_their_request_and_no_secret(function):
    request = INTERFACE.send(event())
    ok(INTERFACE.answer(request))
    ours = [line for line in function.lines() if line.get("requestId") == request]
    assert {"invocation_began", "slot_collected"} <= {line["event"] for line in ours}, ours
    assert ours[0]["trace"] == "Root=1-test"
    assert "hunter2" not in pathlib.Path(function.log).read_text()


def test_kafka_away_is_an_error(function):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        broker = f"127.0.0.1:{nobody.getsockname()[1]}"
        failed(INTERFACE.call(event(kafka_server=broker), seconds=10), "TapeAway", "")
    ok(INTERFACE.call(event()))


def test_sigterm_ends_it(function):
    assert function.end() == 0


def test_a_bad_configuration_is_an_init_error():
    interface = RuntimeInterface()
    function = Function(PROGRAM, interface, FOLDER / "bad.log", RUNNER, TAPEDECK_SETTINGS="tape.url = 5",
                        TAPEDECK_SECRET="hunter2")
    assert function.process.wait(60) == 1
    assert interface.init_errors and interface.init_errors[0]["errorType"] == "Configuration"
    assert "tape" in interface.init_errors[0]["errorMessage"], interface.init_errors


def main():
    function = Function(PROGRAM, INTERFACE, FOLDER / "function.log", RUNNER, TAPEDECK_SETTINGS=SETTINGS)
    atexit.register(function.kill)
    tests = [(name, test) for name, test in globals().items() if name.startswith("test_")]
    for name, test in tests:
        began = time.monotonic()
        try:
            test(*([function] if test.__code__.co_argcount else []))
        except AssertionError:
            print(pathlib.Path(function.log).read_text()[-4000:], file=sys.stderr)
            raise
        print(f"{name}: fine, {time.monotonic() - began:.1f} s")
    print(f"{len(tests)} passed, 0 failed")


if __name__ == "__main__":
    main()
