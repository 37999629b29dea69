"""Finds names that a header gives and nothing in src/ takes: what only its own tests call goes."""
import collections
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
TEXT = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"', re.S)
WORD = re.compile(r"\b[A-Za-z_]\w+\b")
TYPE = re.compile(r"\b(?:struct|class|enum class|using)\s+(\w+)\b(?=[^;]*[{=])")
CONSTANT = re.compile(r"\binline\s+(?:constexpr|const)\s+[^;={(]*?\b(k\w+)\b")
FUNCTION = re.compile(r"^[ \t]*(?:(?:virtual|static|inline|constexpr|friend|explicit|\[\[nodiscard\]\])\s+)*"
                      r"\w[\w:<>,&* ]*?[ &*>](\w+)\(", re.M)
# Names that a library or the language calls, or that a reader of the standard expects.
CALLED_BY_OTHERS = {"begin", "end", "fields"}
# What only tests make: a seam's memory kind with a clock of their own, the demo's other address.
OF_TESTS = {"src/net/memory_http_client.h": {"advancing"}, "src/demo/demo_sources.h": {"demo_url"}}
# What is declared for programs that are not compiled with ours.
FOR_OTHERS = {"src/spark/abi.h"}


def code_of(path):
    return TEXT.sub('""', COMMENT.sub("", path.read_text()))


def definitions_of(name, text):
    """How often a file defines the function, out of its class or free."""
    return len(re.findall(rf"^(?![ \t])[^\n;={{}}]*\b{name}\((?=[^;]*?\{{)", text, re.M))


files = {path: code_of(path) for path in sorted((root / "src").rglob("*.*"))
         if path.suffix in {".h", ".cc", ".c"} and not path.stem.endswith(("_test", "_testing"))}
words = {path: collections.Counter(WORD.findall(text)) for path, text in files.items()}
everywhere = sum(words.values(), collections.Counter())

faults = []
for header in (path for path in files if path.suffix == ".h" and str(path.relative_to(root)) not in FOR_OTHERS):
    text = files[header]
    types = {name for name in TYPE.findall(text) if len(name) > 1}
    names = types | set(CONSTANT.findall(text))
    declared = collections.Counter(names)
    for match in FUNCTION.finditer(text):
        rest = text[match.end():].split(";")[0].split("{")[0]
        if "override" not in rest and match[1] not in types and not match[0].lstrip().startswith("return"):
            names.add(match[1])
            declared[match[1]] += 1
    of_tests = OF_TESTS.get(str(header.relative_to(root)), set())
    for name in sorted(names - CALLED_BY_OTHERS - of_tests):
        defined = sum(definitions_of(name, files[path]) for path in files if path.suffix == ".cc"
                      and path.parent == header.parent)
        if everywhere[name] - declared[name] - defined <= 0:
            faults.append(f"{header.relative_to(root)}: nothing in src/ uses {name}")
print("\n".join(faults) or f"{len(files)} files, every name of a header is used")
sys.exit(1 if faults else 0)
