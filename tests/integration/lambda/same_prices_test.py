"""Two programs of a function read the same pages: recorded ones, with the earlier pipeline's payload, and one in each
of several character sets. They answer alike, and for a slot of Tokyo's day; the prices go from Kafka into PostgreSQL
once. A site whose certificate is among the authorities is read, another is not. Arguments: tapedeck, the process's
program, the other's file of authorities, and the other program with what runs it."""
import atexit
import datetime
import http.server
import json
import pathlib
import ssl
import subprocess
import sys
import threading
import time

import psycopg2

from function_test import BROKER, FOLDER, INTERFACE, LOCAL, call, event, messages, ok, stock_event
from runtime_interface import Function, RuntimeInterface

PROGRAM, NATIVE, AUTHORITIES, *OTHER = sys.argv[1:]
DATA = pathlib.Path(__file__).resolve().parents[4] / "shared/data"
RECORDED = {"ethereum": "coinmarketcap/currency-page/2023-03-14-ethereum-a.html",
            "AAPL": "yahoo/quote-page/2023-05-08-aapl.html"}
CHARSETS = {"toyota": ("shift_jis", "トヨタ自動車"), "sony": ("iso-2022-jp", "ソニー"), "nec": ("euc-jp", "日本電気"),
            "tencent": ("big5", "騰訊控股"), "moutai": ("gb18030", "贵州茅台"), "samsung": ("euc-kr", "삼성전자"),
            "sber": ("windows-1251", "Сбербанк"), "opap": ("iso-8859-7", "ΟΠΑΠ")}
HOUR = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0)
SETTINGS = f"""
tape.url = "kafka://{BROKER}"
[dag.coin_market_record]
schedule = "0 {HOUR.hour} * * *"
[dag.stock_market_record]
schedule = "0 {(HOUR.hour + 9) % 24} * * *"
zone = "Asia/Tokyo"
calendar = "always"
""" + LOCAL


class Pages(http.server.ThreadingHTTPServer):
    """`pages` by the last part of their path, as (bytes, type)."""
    daemon_threads = True

    def __init__(self, pages):
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                body, kind = pages.get(self.path.strip("/").split("/")[-1], (b"", ""))
                self.send_response(200 if kind else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/quote/"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def with_certificate(self):
        """One that it made itself."""
        path = FOLDER / f"{self.server_port}.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=site",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", f"{path}.cert"],
                       check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{path}.cert", path)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")
        return pathlib.Path(f"{path}.cert").read_text()


def page(name, text, charset):
    return (f"<html><head><title>{name} price</title></head><body><h1 class='name'>{text} ({name})</h1>"
            f"<div class='priceValue'>¤1,234.50</div><span class='close'>1,200.25</span></body></html>"
            .replace("¤", "").encode(charset), f"text/html; charset={charset}")


def charset_event():
    pages = {name: page(name, text, charset) for name, (charset, text) in CHARSETS.items()}
    return stock_event(stock_list=list(CHARSETS), base_url=Pages(pages).url)


def recorded_events():
    pages = {name: ((DATA / path).read_bytes(), "text/html; charset=utf-8") for name, path in RECORDED.items()}
    return [event(coin_list=["ethereum"], base_url=Pages(pages).url),
            stock_event(stock_list=["AAPL"], base_url=Pages(pages).url, stock_name_html_class="D(ib) Fz(18px)",
                        previouse_close_html_class="Ta(end) Fw(600) Lh(14px)",
                        price_html_class="Fw(b) Fz(36px) Mb(-4px) D(ib)")]


def said(body):
    """What an answer says of the pages, which come in any order: all but when and where it was written down."""
    prices = sorted(json.loads(body["body"], parse_float=str), key=lambda one: one.get("coin_name") or one["stock_name"])
    for price in prices:
        del price["observed_at"]
    return {"status": body["statusCode"], "slot": body["slot"], "prices": prices,
            "recorded": sorted(one["instrument"] for one in body["recorded"]), "failed": body["failed"],
            "warnings": body["warnings"]}


def answers_of(program, runner, events):
    interface = RuntimeInterface()
    function = Function(program, interface, FOLDER / "same.log", runner=runner, TAPEDECK_SETTINGS=SETTINGS)
    try:
        return [said(ok(interface.call(one))) for one in events]
    except AssertionError:
        print(pathlib.Path(function.log).read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        function.kill()


def is_what_people_read(answers):
    names = {one["stock_name"]: one for one in answers[0]["prices"]}
    assert set(names) == {f"{text} ({name})" for name, (_, text) in CHARSETS.items()}, names
    assert {(one["current_price"], one["previous_close"]) for one in names.values()} == {("1234.50", "1200.25")}, names
    assert all(one["slot"] == HOUR.strftime("%Y-%m-%dT%H:%M:%SZ") for one in answers), answers
    expected = {one["file"]: one for one in json.loads((DATA / "expected.json").read_text())} if len(answers) > 1 else {}
    for answer, name in zip(answers[1:], RECORDED):
        true = expected[RECORDED[name]]
        price, = answer["prices"]
        assert price["current_price"] == true["price"], (price, true)
        assert name != "AAPL" or price["previous_close"] == true["previous_close"], (price, true)


def stands_in_postgres_once(answers):
    url = call("postgres", "start", "--dir", FOLDER / "postgres")["url"]
    atexit.register(call, "postgres", "stop", "--dir", FOLDER / "postgres")
    subprocess.run([PROGRAM, "load", "--until-end", "--set", f'tape.url="kafka://{BROKER}"', "--set",
                    f'store.url="{url}"'], check=True, cwd=FOLDER, stdout=subprocess.DEVNULL)
    wanted = sorted((one.get("coin_name") or one["stock_name"], one["current_price"])
                    for answer in answers for one in answer["prices"])
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("select coin, price::text from coin_records union all select stock, price::text "
                       "from stock_records")
        stands = sorted(cursor.fetchall())
    sent = len(messages("coin_topic")) + len(messages("stock_topic"))
    assert sent == 2 * len(wanted), "each program sent each price"
    assert stands == wanted, (stands, wanted)


def certificates_are_checked():
    """With the function in a root folder: its own file of authorities counts."""
    known, stranger = (Pages({"bitcoin": page("bitcoin", "Name", "utf-8")}) for _ in range(2))
    with open(AUTHORITIES, "a", encoding="ascii") as file:
        file.write("\n" + known.with_certificate())
    stranger.with_certificate()
    function = Function(OTHER[-1], INTERFACE, FOLDER / "tls.log", runner=OTHER[:-1], TAPEDECK_SETTINGS=SETTINGS)
    try:
        body = ok(INTERFACE.call(event(coin_list=["bitcoin"], base_url=known.url)))
        assert len(body["recorded"]) == 1, body
        kind, body = INTERFACE.call(event(coin_list=["bitcoin"], base_url=stranger.url))
        assert kind == "error" and body["errorType"] == "NothingRecorded" and "certificate" in json.dumps(body), body
    finally:
        function.kill()


def main():
    events = [charset_event()]
    if DATA.exists():
        events += recorded_events()
    else:
        print(f"SKIPPED: there is no {DATA}: recorded pages were not read")
    began = time.monotonic()
    process, other = answers_of(NATIVE, (), events), answers_of(OTHER[-1], OTHER[:-1], events)
    is_what_people_read(process)
    assert process == other, f"the process says {process}, the package {other}"
    print(f"{sum(len(one['prices']) for one in other)} prices are the process's: fine, {time.monotonic() - began:.1f} s")
    stands_in_postgres_once(other)
    print("they stand in PostgreSQL once: fine")
    certificates_are_checked()
    print("certificates are checked: fine")


if __name__ == "__main__":
    main()
