"""Holds every #include of src/ against the table of edges in ARCHITECTURE.md."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]


def allowed_edges(text):
    edges = {}
    for folder, seen in re.findall(r"^\| `(\w+)/` \|([^|]*)\|", text, re.M):
        edges[folder] = set(re.findall(r"`(\w+)`", seen))
    return edges


def main():
    edges = allowed_edges((root / "ARCHITECTURE.md").read_text())
    faults = []
    folders = {path.name for path in (root / "src").iterdir() if path.is_dir() and any(path.iterdir())}
    if not edges:
        faults.append("ARCHITECTURE.md has no table of edges")
    for folder in sorted(folders - edges.keys()):
        faults.append(f"src/{folder}/ is not in ARCHITECTURE.md's table")
    used = {folder: set() for folder in edges}
    for path in sorted((root / "src").rglob("*.*")):
        if path.suffix not in {".h", ".cc", ".c"}:
            continue
        folder = path.parent.name
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'#include "(\w+)/', line)
            if not match or match[1] == folder:
                continue
            # A test may also look at the suites it runs.
            if match[1] == "tests" and path.name.endswith("_test.cc"):
                continue
            used.setdefault(folder, set()).add(match[1])
            if match[1] not in edges.get(folder, set()):
                faults.append(f"{path.relative_to(root)}:{number}: {folder}/ may not see {match[1]}/")
    for path in sorted((root / "src").rglob("*.h")):
        if "#pragma once" not in path.read_text():
            faults.append(f"{path.relative_to(root)}: no #pragma once")
    for path in sorted((root / "src").rglob("*.cc")):
        text = path.read_text()
        if re.search(r"catch \(\.\.\.\)", text) and path.name != "main.cc":
            faults.append(f"{path.relative_to(root)}: catch (...) outside main")
    print("\n".join(faults) or f"{len(folders)} folders, every edge is listed")
    return 1 if faults else 0


sys.exit(main())
