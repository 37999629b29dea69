"""No two sources of a folder give one name to things of their own (in a namespace without a name).

The presets `release`, `asan` and `tsan` compile the sources of a folder together (docs/tests.md): there a
name that two of them define is refused by the compiler, or, where the parameters differ, becomes an
overload of another file's function. Here both files are named before either happens. An alias may
be repeated, as it must say the same. Nor is such a name one that a header gives which the folder may see:
some source of the folder includes it."""
import collections
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
UNNAMED = re.compile(r"^namespace \{\n(.*?)\n\}  // namespace\n", re.S | re.M)
TYPE = re.compile(r"^(?:class|struct|union|enum(?: class)?) (?:TAPEDECK_\w+(?:\([^)]*\))? )?(\w+)")
VALUE = re.compile(r"\b(\w+)(?:\(|\{|\[\w*\] ?=| = |;)")
SKIPPED = re.compile(r"^(?:using|namespace|static_assert|template|extern|friend|[A-Z][A-Z_]+\()")


def own_names(text):
    """Each name that `text` defines at the first level of a namespace without a name."""
    for block in UNNAMED.findall(text):
        for line in block.splitlines():
            if not line or line[0] in " /}#)" or SKIPPED.match(line):
                continue
            found = TYPE.match(line) or VALUE.search(line)
            if found:
                yield found.group(1)


defined = collections.defaultdict(set)
for top in ("src", "tests"):
    for path in sorted((root / top).rglob("*.cc")):
        group = (path.parent, top == "src" and path.name.endswith("_test.cc"))
        for name in own_names(path.read_text()):
            defined[group + (name,)].add(path.relative_to(root))

# What a header gives to whoever includes it, by its folder.
GIVEN = re.compile(r"^(?:inline |constexpr )+(?:[\w:<>,&* ]+ )(\w+)\(|^(?:inline )?constexpr [\w:<>, ]+ (\w+) ?(?:=|\{)|"
                   r"^(?:class|struct|enum(?: class)?) (?:TAPEDECK_\w+(?:\([^)]*\))? )?(\w+)[^;]*$", re.M)
# A folder sees itself and its DEPS. app/ sees every other, and its sources are compiled each alone.
SEEN = {name: {name, *deps.split()} for name, deps in
        re.findall(r"^tapedeck_folder\(([\w/]+)(?:\s+DEPS\s+([\w/\s]*?))?(?=\s+LIBS|\s+TESTS|\))",
                   (root / "CMakeLists.txt").read_text(), re.M) if name != "app"}
given = collections.defaultdict(dict)
for path in sorted((root / "src").rglob("*.h")):
    for found in GIVEN.finditer(path.read_text()):
        given[str(path.parent.relative_to(root / "src"))][found[1] or found[2] or found[3]] = path.relative_to(root)

faults = []
for (folder, is_test, name), files in sorted(defined.items()):
    if root / "src" not in folder.parents or is_test:
        continue
    for seen in SEEN.get(str(folder.relative_to(root / "src")), ()):
        if name in given[seen]:
            faults.append(f"{name} is defined in {' and in '.join(map(str, sorted(files)))}, and {given[seen][name]} gives it")
if len(SEEN) < 20 or sum(map(len, given.values())) < 300:
    faults.append(f"only {len(SEEN)} folders and {sum(map(len, given.values()))} names of headers could be read")
for (_, _, name), files in sorted(defined.items()):
    if len(files) > 1:
        faults.append(f"{name} is defined in {' and in '.join(map(str, sorted(files)))}")
if len(defined) < 500:
    faults.append(f"only {len(defined)} names could be read")
print("\n".join(faults) or f"{len(defined)} names")
sys.exit(1 if faults else 0)
