"""The servers of this folder, for tests in Python: each is started, asked and stopped by its own program."""
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def call(server, *arguments):
    """`SERVER.py ARGUMENTS`, and what it answers where that is JSON."""
    out = subprocess.run([sys.executable, HERE / f"{server}.py", *map(str, arguments)], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out) if out.strip().startswith("{") else out
