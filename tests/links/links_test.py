"""Reads the libraries that three small programs and the library for Spark need: a seam can be linked without its
engines; and what that library shows: its C ABI, and nothing else."""
import pathlib
import re
import subprocess
import sys

folder, library = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
EVERY = {"libpq", "librdkafka", "libcurl", "libsqlite3", "libgumbo", "libsimdjson", "libfmt", "libcrypto",
         "libtomlplusplus", "libzstd", "libdate-tz"}
# What each must need, and what it may need besides; it needs nothing else of EVERY.
PROGRAMS = {
    "load_to_postgres": ({"libpq", "libfmt", "libsimdjson", "libcrypto"}, set()),
    "collect_to_kafka": ({"librdkafka", "libcurl", "libgumbo", "libsimdjson", "libfmt", "libcrypto"},
                         {"libtomlplusplus", "libdate-tz"}),
    library.name: ({"libpq", "libfmt", "libsimdjson", "libcrypto"}, set()),
    "plan_a_schedule": ({"libfmt"}, {"libtomlplusplus"}),
}

# Where a folder's sources are compiled together, whoever needs one of them needs what the others do.
if "together" in sys.argv[3:]:
    PROGRAMS = {name: (must, may | {"libtomlplusplus", "libcrypto", "libsimdjson"})
                for name, (must, may) in PROGRAMS.items()}

faults = []
for program, (must, may) in PROGRAMS.items():
    file = library if program == library.name else folder / program
    read = subprocess.run(["readelf", "--dynamic", file], check=True, capture_output=True, text=True)
    needed = {re.split(r"[.]so|-(?=\d)", name)[0] for name in re.findall(r"\(NEEDED\).*\[([^\]]+)\]", read.stdout)}
    for other in sorted(must - needed):
        faults.append(f"{program} does not need {other}: is it still what it says?")
    for other in sorted((needed & EVERY) - must - may):
        faults.append(f"{program} needs {other}")
header = (pathlib.Path(__file__).parents[2] / "src/spark/abi.h").read_text()
declared = set(re.findall(r"TAPEDECK_API [\w ]+?(tapedeck_\w+)\(", header))
symbols = subprocess.run(["nm", "--dynamic", "--defined-only", library], check=True, capture_output=True, text=True)
shown = {line.split()[-1] for line in symbols.stdout.splitlines()}
if shown != declared:
    faults.append(f"{library.name} shows {sorted(shown)}, and its header declares {sorted(declared)}")
print("\n".join(faults) or "\n".join(f"{program}: without {', '.join(sorted(EVERY - must - may))}"
                                     for program, (must, may) in PROGRAMS.items()))
sys.exit(1 if faults else 0)
