"""Every member that is guarded by a mutex is read and written under it: clang's -Wthread-safety, without making
code, over the sources that can reach such a member. Those of a folder go into one run, as in the presets that
compile them together. First a small source with an unguarded access shows that clang would see one. And a mutex
is base/mutex.h's, as libstdc++'s says nothing to clang, and says to the compiler what it guards."""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
CLANG = next(filter(None, map(shutil.which, ["clang++-14", *(f"clang++-{n}" for n in range(15, 30)), "clang++"])), None)
OWN = {"base/mutex.h", "base/thread_attributes.h"}
GUARDED = re.compile(r"_GUARDED_BY\((?:\w+(?:\.|->))*(\w+)\)")
HELD = re.compile(r"\b(Mutex|Lock|Changed)\b|TAPEDECK_\w*(GUARDED_BY|REQUIRES|UNCHECKED)")
FOREIGN = re.compile(r"\bstd::(\w*mutex|lock_guard|unique_lock|scoped_lock|shared_lock|condition_variable\w*)\b")
COMMENT = re.compile(r"//.*[Gg]uarded by")
UNGUARDED = """#include "base/mutex.h"
class Counter {
public:
    int more() { return ++count_; }
private:
    tapedeck::Mutex mutex_;
    int count_ TAPEDECK_GUARDED_BY(mutex_) = 0;
};
int count() { return Counter().more(); }
"""


def says(unit):
    """What clang says about the text of a unit."""
    run = subprocess.run(
        [CLANG, "-x", "c++", "-std=c++20", "-fsyntax-only", "-Wno-everything", "-Wthread-safety",
         "-Werror=thread-safety", '-DTAPEDECK_VERSION=""', f"-I{root}/src", "-I/usr/include/postgresql", "-"],
        input=unit, capture_output=True, text=True)
    return run.stderr.strip() or ("" if run.returncode == 0 else f"clang ended with {run.returncode}")


def faults_of(name, text):
    """What the text itself says that no compiler sees."""
    for number, line in enumerate(text.splitlines(), 1):
        if match := FOREIGN.search(line):
            yield f"src/{name}:{number}: {match[0]}, and not base/mutex.h's"
        if COMMENT.search(line):
            yield f"src/{name}:{number}: TAPEDECK_GUARDED_BY says it to the compiler, a comment does not"
    guards = set(GUARDED.findall(text))
    for mutex, rest in re.findall(r"\bMutex (\w+);(.*)", text):
        if mutex not in guards and "//" not in rest:
            yield f"src/{name}: {mutex} guards no member, and no comment beside it says what it is for"


texts = {str(path.relative_to(root / "src")): path.read_text() for path in sorted((root / "src").rglob("*.*"))
         if path.suffix in {".h", ".cc"} and not path.name.endswith("_test.cc")}
guarding = {name for name, text in texts.items() if name.endswith(".h") and name not in OWN and GUARDED.search(text)}


def reaches(name):
    """Whether a source names a mutex, or sees a header of its folder that guards something."""
    return HELD.search(texts[name]) or any(
        pathlib.PurePath(seen).parent == pathlib.PurePath(name).parent
        for seen in guarding & set(re.findall(r'^#include "([^"]+)"', texts[name], re.M)))


if CLANG is None:
    sys.exit("no clang++ is here: tools/packages.txt names one")
if "requires holding mutex 'mutex_'" not in says(UNGUARDED):
    sys.exit("clang says nothing about an unguarded access:\n" + says(UNGUARDED))
folders = {}
for name in filter(lambda name: name.endswith(".cc"), texts):
    if reaches(name):
        folders.setdefault(os.path.dirname(name), []).append(f'#include "{name}"\n')
faults = [fault for name, text in texts.items() if name not in OWN for fault in faults_of(name, text)]
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    faults += filter(None, pool.map(says, map("".join, folders.values())))
print("\n".join(faults) or f"{sum(map(len, folders.values()))} sources in {len(folders)} folders, "
                           f"{len(guarding)} headers guard members")
sys.exit(1 if faults or not folders else 0)
