"""Holds every #include of src/ against the table of edges in ARCHITECTURE.md."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]


FOLDER = r"[a-z]+(?:/[a-z]+)*"


def allowed_edges(text):
    edges = {}
    for folder, seen in re.findall(rf"^\| `({FOLDER})/` \|([^|]*)\|", text, re.M):
        edges[folder] = set(re.findall(rf"`({FOLDER})`", seen))
    return edges


def linked_edges(text, keyword):
    """What CMakeLists.txt names after DEPS, or after TESTS, of each folder."""
    edges = {}
    for folder, rest in re.findall(rf"^tapedeck_folder\(({FOLDER})\s([^)]*)\)", text, re.M):
        words = re.split(r"\b(DEPS|LIBS|TESTS)\b", rest)
        edges[folder] = set(words[words.index(keyword) + 1].split()) if keyword in words else set()
    return edges


def circles(edges):
    """Folders that see themselves through others."""
    seen = {folder: set(others) for folder, others in edges.items()}
    for middle in seen:
        for folder in seen:
            if middle in seen[folder]:
                seen[folder] |= seen[middle]
    return [f"{folder}/ sees itself through others" for folder in sorted(seen) if folder in seen[folder]]


def main():
    edges = allowed_edges((root / "ARCHITECTURE.md").read_text())
    cmake = (root / "CMakeLists.txt").read_text()
    linked, of_tests = linked_edges(cmake, "DEPS"), linked_edges(cmake, "TESTS")
    faults = []
    folders = {str(path.relative_to(root / "src")) for path in (root / "src").rglob("*")
               if path.is_dir() and any(child.is_file() for child in path.iterdir())}
    if not edges:
        faults.append("ARCHITECTURE.md has no table of edges")
    for folder in sorted(folders - edges.keys()):
        faults.append(f"src/{folder}/ is not in ARCHITECTURE.md's table")
    for folder in sorted(edges.keys() | linked.keys()):
        for other in sorted(edges.get(folder, set()) ^ linked.get(folder, set())):
            faults.append(f"{folder}/ and {other}/: CMakeLists.txt and ARCHITECTURE.md do not agree")
    used = {folder: set() for folder in edges}
    for path in sorted((root / "src").rglob("*.*")):
        if path.suffix not in {".h", ".cc", ".c"}:
            continue
        folder = str(path.parent.relative_to(root / "src"))
        is_test = path.name.endswith("_test.cc")
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(rf'#include "({FOLDER})/\w', line)
            if not match or match[1] == folder:
                continue
            # A test may also look at the suites it runs, and at what its world is made of.
            if is_test and (match[1].startswith("tests/") or match[1] in of_tests.get(folder, set())):
                continue
            if not is_test:
                used.setdefault(folder, set()).add(match[1])
            if match[1] not in edges.get(folder, set()):
                faults.append(f"{path.relative_to(root)}:{number}: {folder}/ may not see {match[1]}/")
    for folder in sorted(edges):
        for other in sorted(edges[folder] - used.get(folder, set())):
            faults.append(f"{folder}/ sees nothing of {other}/: the edge in ARCHITECTURE.md is not used")
    faults += circles(edges)
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
