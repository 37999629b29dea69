"""Takes the walk of docs/walk.md: every stop is a function that its file defines. And what docs/adding.md tells to
edit is there."""
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
# NAME stands for what is to be made.
places = [name for name in re.findall(r"`((?:src|tests|data)/[\w./]+)`", (root / "docs/adding.md").read_text())
          if "NAME" not in name]
faults += [f"docs/adding.md: there is no {name}" for name in places if not (root / name).exists()]
if len(places) < 15:
    faults.append(f"docs/adding.md: only {len(places)} places could be read")
if len(stops) < 20:
    faults.append(f"docs/walk.md: only {len(stops)} stops could be read")
print("\n".join(faults) or f"{len(stops)} stops, {len(places)} places")
sys.exit(1 if faults else 0)
