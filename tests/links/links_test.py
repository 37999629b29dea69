"""Reads the libraries that three small programs need: a seam can be linked without its engines."""
import pathlib
import re
import subprocess
import sys

folder = pathlib.Path(sys.argv[1])
EVERY = {"libpq", "librdkafka", "libcurl", "libsqlite3", "libgumbo", "libsimdjson", "libfmt", "libcrypto",
         "libtomlplusplus", "libzstd", "libdate-tz"}
# What each must need, and what it may need besides; it needs nothing else of EVERY.
PROGRAMS = {
    "load_to_postgres": ({"libpq", "libfmt", "libsimdjson", "libcrypto"}, set()),
    "collect_to_kafka": ({"librdkafka", "libcurl", "libgumbo", "libsimdjson", "libfmt", "libcrypto"},
                         {"libtomlplusplus", "libdate-tz"}),
    "plan_a_schedule": ({"libfmt", "libdate-tz"}, {"libtomlplusplus"}),
}

faults = []
for program, (must, may) in PROGRAMS.items():
    read = subprocess.run(["readelf", "--dynamic", folder / program], check=True, capture_output=True, text=True)
    needed = {re.split(r"[.]so|-(?=\d)", name)[0] for name in re.findall(r"\(NEEDED\).*\[([^\]]+)\]", read.stdout)}
    for library in sorted(must - needed):
        faults.append(f"{program} does not need {library}: is it still what it says?")
    for library in sorted((needed & EVERY) - must - may):
        faults.append(f"{program} needs {library}")
print("\n".join(faults) or "\n".join(f"{program}: without {', '.join(sorted(EVERY - must - may))}"
                                     for program, (must, may) in PROGRAMS.items()))
sys.exit(1 if faults else 0)
