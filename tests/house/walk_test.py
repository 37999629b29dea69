"""Takes the walk of docs/walk.md: every stop is a function that its file defines."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
STOP = re.compile(r"^\| `(src/[\w/.]+)` \| `([\w:]+)` \|", re.M)

stops = STOP.findall((root / "docs/walk.md").read_text())
faults = []
for name, function in stops:
    path = root / name
    if not path.exists():
        faults.append(f"docs/walk.md: there is no {name}")
    elif not re.search(rf"^[\w:<>&*, ]*\b{re.escape(function)}\(", path.read_text(), re.M):
        faults.append(f"docs/walk.md: {name} defines no {function}")
if len(stops) < 20:
    faults.append(f"docs/walk.md: only {len(stops)} stops could be read")
print("\n".join(faults) or f"{len(stops)} stops")
sys.exit(1 if faults else 0)
