"""A price never passes through float or double: outside clocks, src/ has neither."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
# The pace of a simulated clock is the one thing that is no exact number.
CLOCKS = {"src/base/clock.h", "src/base/clock.cc", "src/app/verbs.h", "src/app/demo.cc"}
INEXACT = re.compile(r"\b(?:double|float|strto(?:d|f|ld)|sto(?:d|f|ld)|atof|from_chars<double>)\b")


def code_of(line):
    """The line without its comment and its string literals."""
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', line).split("//")[0]


faults = []
for path in sorted((root / "src").rglob("*")):
    name = str(path.relative_to(root))
    if path.suffix not in {".h", ".cc", ".c"} or name in CLOCKS or name.endswith("_test.cc"):
        continue
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if found := INEXACT.search(code_of(line)):
            faults.append(f"{name}:{number}: {found[0]}: numbers here are Decimal or integers")
print("\n".join(faults) or "no double, no float")
sys.exit(1 if faults else 0)
