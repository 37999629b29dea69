"""Asks the program for every entry of expected.json, one by one: `tapedeck extract --json` gives the
price with its digits, name, previous close, currency and time that a person read, or an error with a
kind and exit code 1.

    extract_test.py TAPEDECK PAGES [RECORDINGS]

PAGES are our own (tests/pages), RECORDINGS other people's; where those are absent that is said aloud.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

SOURCE_OF_KIND = {
    "cmc-currency-page": "coinmarketcap",
    "cmc-listing-page": "coinmarketcap-list",
    "cmc-listings-json": "coinmarketcap-api",
    "cmc-data-item-json": "coinmarketcap-api",
    "binance-24hr-json": "binance",
    "bitstamp-ticker-json": "bitstamp",
    "yahoo-chart-json": "yahoo-chart",
    "yahoo-quote-json": "yahoo-quote",
    "yahoo-quote-summary-json": "yahoo-summary",
    "yahoo-spark-json": "yahoo-spark",
}
# Kinds that no shipped source is for, by DESIGN's list: streams, tables of days, lists of names.
NOT_FOR_A_SOURCE = {"websocket-recording", "websocket-message", "price-series", "coin-slug-list",
                    "symbol-list", "yahoo-download-csv"}
SOURCE_OF_ERROR = {"binance-451": "binance", "coingecko-429": "coingecko", "empty-page": "coinmarketcap",
                   "yahoo-429": "yahoo-quote", "yahoo-chart-404": "yahoo-chart",
                   "yahoo-quote-401": "yahoo-quote"}
# Words of a recording's error, and the kinds that name it.
KIND_OF_ERROR = {"Cloudflare": "challenge", "restricted location": "forbidden",
                 "Rate Limit": "throttled", "Too Many Requests": "throttled", "empty body": "empty",
                 "Not Found": "not_found", "Invalid Crumb": "unauthorized", "consent": "consent",
                 "lookup": "not_found", "without a symbol": "not_found",
                 "empty result": "not_found"}


def source_of(entry):
    kind = entry["kind"].removesuffix("-excerpt").removesuffix("-formatted")
    if kind in SOURCE_OF_KIND:
        return SOURCE_OF_KIND[kind]
    for name, source in SOURCE_OF_ERROR.items():
        if pathlib.Path(entry["file"]).name.startswith(name):
            return source
    return kind.partition("-")[0]  # coingecko-…, coinbase-…, kraken-…, and Yahoo's pages


def same_time(got, wanted):
    def plain(text):
        return text and text.rstrip("Z").partition(".")[0] + (
            text.rstrip("Z").partition(".")[2].rstrip("0"))

    return plain(got) == plain(wanted)


def ask(program, source, instrument, file, status):
    command = [program, "extract", "--source", source, "--instrument", instrument, "--json"]
    command += ["--status", str(status)] if status else []
    ran = subprocess.run([*command, str(file)], capture_output=True, text=True, timeout=60)
    try:
        return json.loads(ran.stdout), ran.returncode
    except ValueError:
        return {"error": {"kind": f"no JSON: {ran.stderr[:200]}"}}, ran.returncode


def faults_of(answer, code, entry):
    """`entry`: price and so on, or `kind`, the error's."""
    if entry.get("price") is None:
        kind = answer.get("error", {}).get("kind")
        if kind != entry["kind"] or code != 1:
            yield f"error {kind}, exit {code}, wanted {entry['kind']}"
        return
    if "error" in answer or code != 0:
        yield f"exit {code}: {answer}"
        return
    for field in ("price", "name", "previous_close", "currency"):
        if answer[field] != entry[field]:
            yield f"{field} {answer[field]}, wanted {entry[field]}"
    # A price that a person reads from the page's JSON has its own time there, which the reader of the
    # recordings did not note.
    if entry["as_of"] is None and entry.get("embedded_price"):
        return
    if not same_time(answer["as_of"], entry["as_of"]):
        yield f"as_of {answer['as_of']}, wanted {entry['as_of']}"


def recordings(folder):
    for entry in json.loads((folder / "expected.json").read_text()):
        if entry["kind"] in NOT_FOR_A_SOURCE:
            continue
        instrument = (entry.get("slug") or entry.get("symbol") or entry.get("requested") or "AAPL")
        wanted = dict(entry)
        wanted["kind"] = next((kind for words, kind in KIND_OF_ERROR.items()
                               if words in (entry["error"] or "")), "malformed")
        yield source_of(entry), instrument, folder / entry["file"], entry.get("http_status"), wanted


def own_pages(folder):
    for source in sorted(each for each in folder.iterdir() if each.is_dir()):
        for entry in json.loads((source / "expected.json").read_text()):
            # extract has no kind of its own for a price that is zero or less.
            kind = entry.get("error")
            wanted = dict(entry, kind="malformed" if kind == "not_positive" else kind)
            yield source.name, entry["instrument"], source / entry["file"], entry.get("status"), wanted


def main():
    program, pages = sys.argv[1], pathlib.Path(sys.argv[2])
    asked = list(own_pages(pages))
    folder = pathlib.Path(os.environ.get("TAPEDECK_SHARED_DATA", sys.argv[3]))
    if (folder / "expected.json").exists():
        asked += recordings(folder)
    else:
        print(f"*** NO RECORDINGS at {folder}: set TAPEDECK_SHARED_DATA to read them. ***")
    faults = 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda each: ask(program, *each[:4]), asked)
        for (source, instrument, file, _, wanted), (answer, code) in zip(asked, answers):
            for fault in faults_of(answer, code, wanted):
                faults += 1
                print(f"{file} {instrument} by {source}: {fault}")
    print(f"{len(asked)} entries, {faults} differences")
    return 1 if faults or len(asked) < 60 else 0


sys.exit(main())
