#!/usr/bin/env python3
"""tools/spark_package.py LIBRARY ARCHIVE: packs what spark-submit --archives ARCHIVE#tapedeck brings to every
executor: the library, the Python that calls it, and for which machines it was built. The same input gives the
same bytes."""
import gzip
import io
import json
import pathlib
import re
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
MACHINES = {"Advanced Micro Devices X86-64": "x86_64", "AArch64": "aarch64"}


def built_for(library):
    """What readelf says that the library needs of a machine."""
    def read(what):
        return subprocess.run(["readelf", "-W", what, library], check=True, capture_output=True, text=True).stdout
    machine = re.search(r"Machine:\s+(.*)", read("--file-header")).group(1)
    versions = {tuple(map(int, one.split("."))) for one in re.findall(r"GLIBC_([\d.]+)", read("--dyn-syms"))}
    needed = re.findall(r"\(NEEDED\).*\[([^\]]+)\]", read("--dynamic"))
    return {"system": "Linux", "machine": MACHINES[machine], "glibc": ".".join(map(str, max(versions))),
            "libraries": sorted(needed)}


def add(archive, name, content, mode):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def main():
    library, archive = sys.argv[1:]
    platform = json.dumps(built_for(library), indent=1) + "\n"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as out:
        add(out, "libtapedeck_spark.so", pathlib.Path(library).read_bytes(), 0o755)
        for name in ("app.py", "kafka_facts.py", "tapedeck_library.py"):
            add(out, name, (ROOT / "spark" / name).read_bytes(), 0o644)
        add(out, "platform.json", platform.encode(), 0o644)
    with open(archive, "wb") as target, gzip.GzipFile(fileobj=target, mode="wb", filename="", mtime=0) as out:
        out.write(packed.getvalue())
    print(platform, end="")


main()
