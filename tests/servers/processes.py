"""What the starters of real servers share: the cache, free ports, and processes known by their id.

A server's folder holds `server.json`: the process id with its start time (so that a reused id is
never mistaken for it), the ports, and whatever its starter adds. Only such processes are ended.
"""
import fcntl
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time


def cache(name):
    """The folder of things downloaded or built once: $XDG_CACHE_HOME/tapedeck/NAME."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "tapedeck" / name


def install_once(folder, install):
    """Runs install(scratch folder) unless `folder` is there; two at once: one installs, one waits."""
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            print(f"installing {folder.name}, once", file=sys.stderr)
            scratch = folder.with_suffix(f".new{os.getpid()}")
            scratch.mkdir()
            install(scratch)
            scratch.rename(folder)
    return folder


def run(command, **options):
    """Runs a command and shows what it said only when it failed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}\nfailed with {done.returncode}")
    return done.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_time(pid):
    """When the process began, in ticks since boot (proc(5), field 22); None where there is none."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else int(fields[19])


def listens(pid, port):
    """Whether it is this process that listens on the port: another server may answer there."""
    sockets = set()
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                sockets.add(f"socket:[{fields[9]}]")
    try:
        return any(os.readlink(fd) in sockets for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


def spawn(command, log, **options):
    """Starts a server in a session of its own, so that it outlives the starter."""
    with open(log, "ab") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                start_new_session=True, **options)


def wait_until(ready, process, log, seconds=180):
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            if process.poll() is None:
                process.kill()
            tail = pathlib.Path(log).read_text(errors="replace").splitlines()[-30:]
            sys.exit("\n".join(tail) + f"\n{command_of(process)} did not become ready: {log}")
        time.sleep(0.05)


def command_of(process):
    return os.path.basename(str(process.args[0]))


def remember(folder, pid, **more):
    """Writes server.json, prints it as the starter's answer."""
    state = {"pid": pid, "started": start_time(pid), "dir": str(folder), **more}
    (folder / "server.json").write_text(json.dumps(state) + "\n")
    print(json.dumps(state))


def recall(folder):
    try:
        return json.loads((folder / "server.json").read_text())
    except OSError:
        return {}


def is_running(state):
    return bool(state) and start_time(state["pid"]) == state["started"]


def servers_of(folder):
    """The servers that work in the folder, as their command lines say: also one whose starter was
    ended before it could write down which it is."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        is_server = os.path.basename(command[0]) in (b"java", b"postgres", b"pgbouncer") if command else False
        if is_server and any(part.startswith(f"{folder}/".encode()) for part in command[1:]):
            pid = int(entry.name)
            found.append({"pid": pid, "started": start_time(pid)})
    return found


def stop(folder, how=signal.SIGTERM, seconds=30):
    """Ends the folder's servers, and returns when they are gone; nothing to do is fine."""
    state = recall(folder)
    for one in ([state] if is_running(state) else []) + servers_of(folder):
        deadline = time.monotonic() + seconds
        asked = None
        while is_running(one):
            wanted = signal.SIGKILL if time.monotonic() > deadline else how
            if wanted != asked:
                os.kill(one["pid"], wanted)
            asked = wanted
            time.sleep(0.02)
