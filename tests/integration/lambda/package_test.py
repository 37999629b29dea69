"""The package of a function as AWS is given it: small, the same each time, of nothing but glibc's libraries, and run
in a root folder that holds glibc's loader and libraries, certificates and nothing else; arm64's by qemu. What it
reads of recorded pages and of the world's character sets is what the process reads, and goes from Kafka into
PostgreSQL. Arguments: tapedeck, its bootstrap, x86_64 or arm64. Exit code 77: there is no package to try."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

PROGRAM, NATIVE, MACHINE = sys.argv[1:4]
ROOT = pathlib.Path(__file__).resolve().parents[3]
ARCH = {"x86_64": "x86_64", "arm64": "aarch64"}[MACHINE]
BUILT = ROOT / "build/lambda" / ARCH / "bootstrap"
PARTS = ROOT / "build/lambda/parts" / ARCH
QEMU = shutil.which("qemu-aarch64-static")
GLIBC = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2",
         "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def skip(why):
    print(f"SKIPPED: {why}. Nothing of the {MACHINE} package was tried.")
    sys.exit(77)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def sources():
    return [path for folder in ("src", "cmake", "data") for path in (ROOT / folder).rglob("*")
            if path.is_file() and not path.name.endswith("_test.cc")]


def has_program():
    """The program is there, with TAPEDECK_LONG built first; else why not."""
    if os.geteuid() != 0:
        skip("a root folder of one's own needs root")
    if MACHINE == "arm64" and QEMU is None:
        skip("there is no qemu-aarch64-static (Debian's qemu-user-static)")
    if "TAPEDECK_LONG" in os.environ:
        run(ROOT / "tools/lambda.sh", ARCH)
    if not BUILT.exists():
        skip(f"tools/lambda.sh {ARCH} was not run; ./test --long does")
    newer = [path for path in sources() if path.stat().st_mtime > BUILT.stat().st_mtime]
    if newer:
        skip(f"the program is older than {newer[0].relative_to(ROOT)}: run tools/lambda.sh {ARCH}")


def packed(folder):
    """tapedeck's own package, held against what others' tools say of it."""
    path = folder / "function.zip"
    told = []
    for _ in range(2):
        told.append(json.loads(run(PROGRAM, "lambda", "package", "coin_record", "--machine", MACHINE, "--bootstrap",
                                   str(BUILT), "--output", str(path), "--json")))
    assert told[0] == told[1], "the same each time"
    told = told[0]
    with zipfile.ZipFile(path) as file:
        assert file.testzip() is None and file.namelist() == ["bootstrap"], file.namelist()
        assert file.getinfo("bootstrap").external_attr >> 16 & 0o777 == 0o755
        program = file.read("bootstrap")
    assert program == BUILT.read_bytes()
    assert told["contents"] == [{"name": "bootstrap", "bytes": len(program)}] and len(program) <= 8_000_000, told
    assert told["zip_bytes"] == path.stat().st_size <= 4_000_000, told
    assert str(ROOT).encode() not in program, "the program knows where it was built"
    out = folder / "bootstrap"
    out.write_bytes(program)
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-dW", str(out))))
    assert needed == set(told["libraries"]) and needed <= GLIBC, needed
    versions = {tuple(map(int, one.split("."))) for one in
                re.findall(r"GLIBC_([0-9.]+)", run("readelf", "-VW", str(out)))}
    highest = max(versions)
    assert highest <= (2, 34) and told["highest_glibc"] == ".".join(map(str, highest)), (highest, told)
    assert ".symtab" not in run("readelf", "-SW", str(out)), "stripped"
    print(f"{MACHINE}: {len(program)} bytes, zip {told['zip_bytes']}, needs {sorted(needed)}, "
          f"GLIBC_{told['highest_glibc']}: fine")
    return out


def own_root(folder, program):
    """A root folder, and what runs the function in it."""
    root = folder / "root"
    shutil.copytree(PARTS / "root", root, symlinks=True)
    authorities = root / "etc/pki/tls/certs/ca-bundle.crt"
    authorities.parent.mkdir(parents=True)
    shutil.copy("/etc/ssl/certs/ca-certificates.crt", authorities)
    shutil.copy(program, root / "bootstrap")
    (root / "bootstrap").chmod(0o755)
    runner = ["chroot", str(root)]
    if MACHINE == "arm64":
        shutil.copy(QEMU, root / "qemu")
        runner.append("/qemu")
    return authorities, runner


def main():
    has_program()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tapedeck-package-"))
    try:
        authorities, runner = own_root(folder, packed(folder))
        here = pathlib.Path(__file__).parent
        for script, arguments in (("function_test.py", [*runner, "/bootstrap"]),
                                  ("same_prices_test.py", [PROGRAM, NATIVE, str(authorities), *runner, "/bootstrap"])):
            done = subprocess.run([sys.executable, "-B", here / script, *arguments])
            assert done.returncode == 0, f"{script} in a root folder of its own"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
