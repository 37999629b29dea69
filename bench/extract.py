"""One command, one table: how long it takes to read a price out of a page, beside its peers.

    python3 bench/extract.py [RECORDINGS]

Builds extract_bench (preset release) where it is not built, installs the peers of extract_peers.py
into build/bench-venv, and runs all of them on the same recorded pages (TAPEDECK_SHARED_DATA, or
../shared/data). CPU milliseconds a page, the median of some rounds, the file read beforehand.
"""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "build" / "release" / "bench" / "extract_bench"
VENV = ROOT / "build" / "bench-venv"
PEERS = ["bs4 html.parser", "bs4 lxml", "lxml", "selectolax lexbor"]
NEXT = "#__NEXT_DATA__"
QUOTE = 'script[data-sveltekit-fetched][data-url*="/v7/finance/quote?"]'
RAW = "/body@/quoteResponse/result/0/regularMarketPrice/raw"

# Source, instrument, page, rule; for the peers the selector, and where it is a script's the pointer.
CSS = [
    ("coinmarketcap", "ethereum", "coinmarketcap/currency-page/2023-03-14-ethereum-e.html",
     "price-class", ".priceValue"),
    ("coinmarketcap", "bitcoin", "coinmarketcap/currency-page/2025-04-05-bitcoin-0753.html",
     "price-test", '[data-test="text-cdp-price-display"]'),
    ("yahoo", "AAPL", "yahoo/quote-page/2020-09-aapl.html", "price-class",
     r"span.Fw\(b\).Fz\(36px\)"),
    ("yahoo", "AAPL", "yahoo/quote-page/2023-05-08-aapl.html", "price-test",
     'fin-streamer[data-test="qsp-price"][data-symbol="AAPL"]'),
    ("yahoo", "MSFT", "yahoo/quote-page/2024-04-msft.html", "price-testid",
     'fin-streamer[data-testid="qsp-price"][data-symbol="MSFT"]'),
    ("yahoo", "NVDA", "yahoo/quote-page/2026-06-nvda.html", "price-testid",
     '[data-testid="qsp-price"]'),
]
JSON = [
    ("coinmarketcap", "ethereum", "coinmarketcap/currency-page/2023-03-14-ethereum-e.html",
     "next-data", NEXT, "/props/pageProps/info/statistics/price"),
    ("coinmarketcap", "bitcoin", "coinmarketcap/currency-page/2025-04-05-bitcoin-0753.html",
     "next-data", NEXT, "/props/pageProps/detailRes/detail/statistics/price"),
    ("yahoo", "MSFT", "yahoo/quote-page/2024-04-msft.html", "page-quote", QUOTE, RAW),
    ("yahoo", "NVDA", "yahoo/quote-page/2026-06-nvda.html", "page-quote", QUOTE, RAW),
]


def run(*command):
    ran = subprocess.run([str(each) for each in command], capture_output=True, text=True, cwd=ROOT)
    if ran.returncode not in (0, 1):
        sys.exit(ran.stderr or ran.stdout)
    return ran.stdout


def make_ready():
    if not BENCH.exists():
        run("cmake", "--preset", "release")
        run("cmake", "--build", ROOT / "build" / "release", "--target", "extract_bench")
    if not (VENV / ".ready").exists():
        run(sys.executable, "-m", "venv", VENV)
        run(VENV / "bin" / "pip", "install", "-q", "beautifulsoup4", "lxml", "selectolax",
            "cssselect")
        (VENV / ".ready").touch()


def ours(source, instrument, page, rule):
    text = run(BENCH, source, instrument, page, rule)
    found = re.search(rf"^  {re.escape(rule)} +([\d.]+) ms   (\S+)", text, re.M)
    return (float(found[1]), found[2]) if found else (None, "-")


def theirs(*arguments):
    text = run(VENV / "bin" / "python3", ROOT / "bench" / "extract_peers.py", *arguments)
    return {name.strip(): float(ms)
            for name, ms in re.findall(r"^  ([a-z0-9 .]+?) +([\d.]+) ms", text, re.M)}


def row(name, mine, peers, against):
    ratio = peers[against] / mine
    cells = [f"{mine:.2f}", *(f"{peers[peer]:.2f}" if peer in peers else "failed" for peer in PEERS)]
    print("| " + " | ".join([name, *cells, f"{ratio:.0f} times"]) + " |", flush=True)
    return ratio


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get(
        "TAPEDECK_SHARED_DATA", ROOT / ".." / "shared" / "data"))
    if not (folder / "expected.json").exists():
        sys.exit(f"no recordings at {folder}: give their folder")
    make_ready()
    missed = 0
    for cases, against, least in ((CSS, "bs4 html.parser", 10), (JSON, "selectolax lexbor", 1)):
        print(f"\n| page, rule | tapedeck | {' | '.join(PEERS)} | {against} / tapedeck |")
        print("|---" * (len(PEERS) + 3) + "|")
        for source, instrument, page, rule, selector, *pointer in cases:
            size = (folder / page).stat().st_size // 1000
            mine, price = ours(source, instrument, folder / page, rule)
            if mine is None:
                sys.exit(f"{page}: the rule {rule} reads nothing")
            peers = theirs(*(["--script", selector, *pointer] if pointer else [selector]),
                           folder / page)
            name = f"{pathlib.Path(page).stem} ({size} kB), {rule}: {price}"
            missed += row(name, mine, peers, against) < least
    print("\nhostile pages (each within 500 ms):")
    print(run(BENCH, "--hostile").rstrip())
    return 1 if missed else 0


sys.exit(main())
