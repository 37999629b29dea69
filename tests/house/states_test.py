"""docs/states.md has a row for each state of the ledger and for each reason, and for no other; and
docs/alerts.md for each kind of problem."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def source(path, pattern):
    names = set(re.findall(pattern, (ROOT / "src" / path).read_text(), re.MULTILINE))
    assert names, f"nothing in {path} looks like {pattern}"
    return names


def rows(page):
    return set(re.findall(r"^\| `([a-z_]+)[:`]", (ROOT / "docs" / page).read_text(), re.MULTILINE))


states = source("coverage/coverage.cc", r'StateName\{CoverageState::\w+, "([a-z]+)"')
ledger = source("market/reason.cc", r'ReasonRow\{[^}]*"([a-z_]+)"\}')
derived = source("coverage/coverage.cc", r'CoverageState::(?:missed|failed|lost), *"([a-z_]+)"')
problems = (source("alerts/problems.cc", r'push_back\(\{"([a-z_]+):"')
            | source("alerts/load_problems.h", r'Problem = "([a-z_]+):"'))
failures = []
for page, wanted in (("states.md", states | ledger | derived), ("alerts.md", problems)):
    has = rows(page)
    failures += [f"docs/{page} has no row for `{name}`" for name in sorted(wanted - has)]
    failures += [f"docs/{page} has a row for `{name}`, which is none" for name in sorted(has - wanted)]
sys.exit("\n".join(failures) or 0)
