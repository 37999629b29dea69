"""How long do the usual Python libraries take to read a price out of a page?

The peers of extract_bench.cc, on the same files: BeautifulSoup with html.parser (its default where
lxml is not installed) and with lxml (its default where it is), lxml alone, selectolax with both of its parsers. CPU
milliseconds a page, the median of some rounds, the file read beforehand.

    extract_peers.py SELECTOR FILE          the text of the first match
    extract_peers.py --script SELECTOR POINTER[@INNER] FILE
                                            JSON in a script: a pointer into it, and where the value
                                            is a string that holds JSON, one into that
    extract_peers.py --hostile              30,000 nested elements
Needs: beautifulsoup4 lxml selectolax cssselect
"""
import json
import statistics
import sys
import time


def cpu_ms(action, rounds):
    times = []
    value = None
    for _ in range(rounds):
        begin = time.thread_time()
        value = action()
        times.append((time.thread_time() - begin) * 1000)
    return statistics.median(times), value


def with_soup(parser):
    from bs4 import BeautifulSoup

    def first(text, selector):
        found = BeautifulSoup(text, parser).select_one(selector)
        return None if found is None else found.get_text()

    return first


def with_lxml(text, selector):
    import lxml.html

    found = lxml.html.fromstring(text).cssselect(selector)
    return found[0].text_content() if found else None


def with_selectolax(which):
    def first(text, selector):
        if which == "lexbor":
            from selectolax.lexbor import LexborHTMLParser as Parser
        else:  # gone from selectolax 1.0 on
            from selectolax.parser import HTMLParser as Parser
        tree = Parser(text)
        found = tree.css_first(selector)
        return None if found is None else found.text()

    return first


PEERS = {
    "bs4 html.parser": with_soup("html.parser"),
    "bs4 lxml": with_soup("lxml"),
    "lxml": with_lxml,
    "selectolax modest": with_selectolax("modest"),
    "selectolax lexbor": with_selectolax("lexbor"),
}


def follow(value, pointer):
    for part in pointer.split("/")[1:]:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def pointed(text, pointers):
    value = json.loads(text, parse_float=str)
    first, _, inner = pointers.partition("@")
    value = follow(value, first)
    return follow(json.loads(value, parse_float=str), inner) if inner else value


def report(action_of, rounds=7):
    for name, first in PEERS.items():
        try:
            ms, value = cpu_ms(lambda: action_of(first), 3 if name.startswith("bs4") else rounds)
            print(f"  {name:<18} {ms:9.2f} ms   {str(value).strip()[:40]}", flush=True)
        except ImportError as error:
            print(f"  {name:<18} not installed: {str(error)[:60]}")
        except RecursionError as error:
            print(f"  {name:<18} failed: {type(error).__name__}")


def main(arguments):
    if arguments == ["--hostile"]:
        body = "<!doctype html><html><body>" + "<div>" * 30_000
        report(lambda first: first(body, "div.price"), 1)
        return
    if arguments[0] == "--script":
        _, selector, pointers, file = arguments
    else:
        selector, file = arguments
        pointers = None
    with open(file, encoding="utf-8", errors="replace") as page:
        text = page.read()
    print(f"{file} ({len(text) // 1000} kB), {selector}")
    if pointers is None:
        report(lambda first: first(text, selector))
    else:
        report(lambda first: pointed(first(text, selector), pointers))


main(sys.argv[1:])
