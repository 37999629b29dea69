"""The images and the compose file of deploy/, by their linters: there is an engine on few machines."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
programs = pathlib.Path(sys.executable).parent
faults = 0
for command in ([programs / "hadolint", *sorted((ROOT / "deploy").glob("*/Dockerfile"))],
                [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec",
                 *sorted((ROOT / "deploy").glob("*/compose.yaml"))]):
    done = subprocess.run(command, text=True, capture_output=True)
    print(" ".join(map(str, command)), "said:", done.stdout + done.stderr or "nothing")
    faults += done.returncode != 0
for script in sorted((ROOT / "deploy").glob("*/*.sh")):
    faults += subprocess.run(["sh", "-n", script]).returncode != 0
sys.exit(1 if faults else 0)
