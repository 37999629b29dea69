"""What the programs of this folder share: Python packages, real servers, and builds of our own.

The servers are those of tests/servers, on loopback, with the settings below for every contestant.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import zlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SERVERS = ROOT / "tests" / "servers"
sys.path.insert(0, str(SERVERS))
import processes  # noqa: E402: from tests/servers

RELEASE = ROOT / "build" / "release"

# As for a small server with 4 GB to spare. Everything that keeps data safe is on; what strikes at
# times of its own (checkpoints, autovacuum) is kept out of the runs, which begin with a checkpoint.
POSTGRES = {
    "shared_buffers": "1GB",
    "max_wal_size": "16GB",
    "min_wal_size": "2GB",
    "checkpoint_timeout": "1h",
    "wal_buffers": "16MB",
    "maintenance_work_mem": "512MB",
    "work_mem": "64MB",
    "autovacuum": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_parallel_workers_per_gather": "0",
    "jit": "off",
}


def environment(requirements):
    """A Python with the packages of a file beside this one; they are installed once."""
    packages = (HERE / requirements).read_bytes()
    name = f"bench-load-{zlib.crc32(packages):08x}"
    home = processes.cache(f"{name}-python")

    def install(_):  # where it stays, as a virtual environment's scripts name its folder
        shutil.rmtree(home, ignore_errors=True)
        processes.run([sys.executable, "-m", "venv", home])
        processes.run([home / "bin" / "python", "-m", "pip", "-q", "install", "-r", HERE / requirements])

    processes.install_once(processes.cache(name), install)
    return home / "bin" / "python"


def enter_environment():
    """Goes on in the Python that has what these programs import."""
    python = environment("requirements.txt")
    if pathlib.Path(sys.prefix) != python.parents[1]:
        os.execv(python, [str(python), *sys.argv])


def spark_jars():
    """The folder of the jars that Spark is given; downloaded once."""
    def install(scratch):
        goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
        processes.run(["mvn", "-q", "-B", "-f", HERE / "spark_pom.xml", goal,
                       "-DincludeScope=runtime", f"-DoutputDirectory={scratch}"])

    return processes.install_once(processes.cache("spark-4.1.1-jars"), install)


def build(*targets):
    """Builds programs of ours with the release preset, and returns their paths."""
    if not (RELEASE / "build.ninja").exists():
        processes.run(["cmake", "-S", ROOT, "--preset", "release"])
    print("building", *targets, file=sys.stderr)
    processes.run(["ninja", "-C", RELEASE, *targets])
    places = {"tapedeck": RELEASE / "src" / "app" / "tapedeck"}
    return [places.get(name, RELEASE / "bench" / name) for name in targets]


def call(script, verb, folder, *arguments):
    """Runs a verb of tests/servers/SCRIPT and reads its answer."""
    answer = processes.run([sys.executable, SERVERS / script, verb, "--dir", folder, *arguments])
    return json.loads(answer.splitlines()[-1]) if answer.strip() else {}


@contextlib.contextmanager
def scratch_folder(parent):
    """A folder for servers and files; removed at the end, which SIGTERM brings in good order."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="tapedeck-bench-", dir=parent) as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


@contextlib.contextmanager
def postgres(folder):
    """A PostgreSQL of its own with the settings above; gives what its starter answers."""
    sets = [part for name, value in POSTGRES.items() for part in ("--set", f"{name}={value}")]
    try:
        yield call("postgres.py", "start", folder / "postgres", *sets)
    finally:
        call("postgres.py", "stop", folder / "postgres", "--erase")


@contextlib.contextmanager
def kafka(folder):
    """A Kafka broker of its own, as the tests start it; gives what its starter answers."""
    try:
        yield call("kafka.py", "start", folder / "kafka")
    finally:
        call("kafka.py", "stop", folder / "kafka", "--erase")


def load_average():
    return os.getloadavg()[0]


def commit_of_source():
    done = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "?"
