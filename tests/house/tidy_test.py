"""The rules of .clang-tidy hold: in the sources that the last commits changed, newest first, and under
TAPEDECK_LONG=1 in all of src/ but its tests. A folder's sources are read together, as in the presets that compile
them so; app/'s, whose own names may meet, one by one. First a small source with a fault shows that it would be
found."""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parents[2]
COMMITS, SOURCES = 20, 24  # looked at without TAPEDECK_LONG; some two minutes of a processor
SKIPPED = 77
REASONED = re.compile(r"NOLINT(NEXTLINE)?\([a-z-]+\): \w")
NAMES = ["clang-tidy-14", *(f"clang-tidy-{number}" for number in range(15, 30)), "clang-tidy"]
TIDY = next(filter(None, map(shutil.which, NAMES)), None)
FINDING = re.compile(r"^(?=/[^\n]*: (?:error|warning): )", re.M)
LIBRARY = re.compile(r"^/usr/[^\n]*\[clang-diagnostic-error\]$", re.M)
FAULTY = """#include <string>
#include <utility>
std::string twice(std::string text) {
    std::string other = std::move(text);
    return other + text;
}
"""


def says(unit):
    """What clang-tidy says about the text of a unit."""
    with tempfile.NamedTemporaryFile("w", suffix=".cc") as file:
        file.write(unit)
        file.flush()
        run = subprocess.run(
            [TIDY, "--quiet", f"--config-file={root}/.clang-tidy", f"--header-filter=^{root}/src/", file.name, "--",
             "-std=c++20", f"-I{root}/src", "-isystem", "/usr/include/postgresql", '-DTAPEDECK_VERSION=""',
             "-Wno-everything"],
            capture_output=True, text=True)
    said = FINDING.split(run.stdout)[1:]
    if run.returncode and not said:
        return f"clang-tidy ended with {run.returncode}: {run.stderr}"
    # clang 14 cannot compile all of the ranges of libstdc++ 12; of our own sources it reads the rest all the same.
    return "".join(finding for finding in said if not LIBRARY.search(finding)).strip()


def all_sources():
    return [path for path in sorted((root / "src").rglob("*.cc")) if not path.name.endswith("_test.cc")]


def changed_sources():
    """The sources that the last commits changed, or whose header they did; none where there is no history."""
    if shutil.which("git") is None:
        return []
    log = subprocess.run(["git", "-C", root, "log", f"-n{COMMITS}", "--format=", "--name-only", "--", "src"],
                         capture_output=True, text=True)
    known = set(all_sources())
    found = dict.fromkeys((root / name).with_suffix(".cc") for name in log.stdout.splitlines())
    return [path for path in found if path in known][:SOURCES]


if TIDY is None:
    sys.exit("no clang-tidy is here: tools/packages.txt names one")
if "bugprone-use-after-move" not in says(FAULTY):
    sys.exit("clang-tidy says nothing about a use after a move:\n" + says(FAULTY))
sources = all_sources() if os.environ.get("TAPEDECK_LONG") else changed_sources()
if not sources:
    print("skipped: there is no history that tells what was changed last; TAPEDECK_LONG=1 looks at all")
    sys.exit(SKIPPED)
units = {}
for path in sources:
    name = str(path.relative_to(root / "src"))
    folder = os.path.dirname(name)
    units.setdefault(name if folder == "app" else folder, []).append(f'#include "{name}"\n')
faults = [f"{path.relative_to(root)}:{number}: a NOLINT names its rule and its reason"
          for path in sorted((root / "src").rglob("*.*"))
          for number, line in enumerate(path.read_text().splitlines(), 1)
          if "NOLINT" in line and not REASONED.search(line)]
print("\n".join(faults), end="\n" if faults else "")
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for fault in filter(None, pool.map(says, map("".join, units.values()))):
        print(fault, flush=True)
        faults.append(fault)
print(f"{len(sources)} sources read, {len(units)} units, {len(faults)} with findings")
sys.exit(1 if faults else 0)
