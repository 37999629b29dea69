"""Every C++ file is as clang-format writes it."""
import pathlib
import shutil
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
tool = shutil.which("clang-format-14") or shutil.which("clang-format")
if tool is None:
    sys.exit("clang-format-14 is not installed")
files = [
    str(path)
    for folder in ("src", "tests", "fuzz", "bench")
    for path in sorted((root / folder).rglob("*"))
    if path.suffix in {".h", ".cc", ".c"}
]
sys.exit(subprocess.run([tool, "--dry-run", "--Werror", *files], check=False).returncode)
