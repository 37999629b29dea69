#!/usr/bin/env python3
"""Starts and stops a PostgreSQL 15 of its own, with Debian's programs, never as root.

    postgres.py start --dir DIR [--port P] [--tls] [--set NAME=VALUE]...
    postgres.py stop --dir DIR [--mode smart|fast|immediate|kill]

`start` answers with one line of JSON: pid, port, socket folder, url. The superuser is `postgres`,
trusted on loopback and on the socket; the database is `market`. Run as root, the server runs as the
user `postgres`, which owns DIR. A second start in the same folder, after any kind of end, brings
back the same cluster on the same port. --tls serves DIR/tls/server.pem. Needs `postgresql-15`.
"""
import argparse
import os
import pathlib
import pwd
import shutil
import signal
import tempfile

import processes
import tls

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
ENDS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}


def as_nobody_special():
    """How to run a program as `postgres` when we are root; nothing to change otherwise."""
    if os.getuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [],
            "env": os.environ | {"HOME": user.pw_dir}, "cwd": "/"}


def hand_over(path):
    if os.getuid() == 0:
        shutil.chown(path, "postgres", "postgres")


def open_way_to(folder):
    """Lets the server's user pass through the temporary folders above its own."""
    for parent in folder.parents:
        mode = parent.stat().st_mode
        if os.getuid() == 0 and tempfile.gettempdir() in map(str, parent.parents) and not mode & 1:
            parent.chmod(mode | 1)


def make_cluster(folder):
    processes.run([PROGRAMS / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust",
                   "-E", "UTF8", "--no-locale", "--no-sync"], **as_nobody_special())


def query(folder, port, text, database="postgres"):
    return processes.run([PROGRAMS / "psql", "-XqAt", "-h", folder, "-p", str(port), "-U", "postgres",
                          "-d", database, "-c", text], cwd="/").strip()


def is_ours(folder, port, pid):
    """Ready, and the one that we started: its data folder says so."""
    ready = [PROGRAMS / "pg_isready", "-q", "-h", folder, "-p", str(port), "-U", "postgres"]
    if not processes.listens(pid, port) or processes.subprocess.run(ready, cwd="/").returncode != 0:
        return False
    return query(folder, port, "show data_directory") == str(folder / "data")


def forget_killed(folder, state):
    """Removes the lock files of a server that was killed: where nobody reaps it, its id lives on as
    a zombie's, and PostgreSQL would take it for running. Its shared memory is still checked."""
    for file in (folder / "data" / "postmaster.pid", *folder.glob(".s.PGSQL.*.lock")):
        if state and file.exists() and file.read_text().split()[0] == str(state["pid"]):
            file.unlink()


def start(folder, asked):
    folder.mkdir(parents=True, exist_ok=True)
    hand_over(folder)
    open_way_to(folder)
    before = processes.recall(folder)
    processes.stop(folder, signal.SIGINT)
    forget_killed(folder, before)
    port = asked.port or before.get("port") or processes.free_port()
    if not (folder / "data" / "PG_VERSION").exists():
        make_cluster(folder)
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder,
                "logging_collector": "off"}
    if asked.tls:
        tls.make(folder / "tls")
        for path in (folder / "tls", *(folder / "tls").iterdir()):
            hand_over(path)
        settings |= {"ssl": "on", "ssl_cert_file": folder / "tls" / "server.pem",
                     "ssl_key_file": folder / "tls" / "server.key"}
    settings |= dict(pair.split("=", 1) for pair in asked.set)
    flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    log = folder / "log"
    server = processes.spawn([PROGRAMS / "postgres", "-D", folder / "data", *flags], log,
                             **as_nobody_special())
    processes.wait_until(lambda: is_ours(folder, port, server.pid), server, log)
    if query(folder, port, "select count(*) from pg_database where datname = 'market'") == "0":
        query(folder, port, "create database market")
    processes.remember(folder, server.pid, port=port, socket=str(folder),
                       url=f"postgresql://postgres@127.0.0.1:{port}/market")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["start", "stop"])
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("postgres-server"))
    parser.add_argument("--port", type=int)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--mode", choices=list(ENDS), default="fast")
    parser.add_argument("--erase", action="store_true", help="remove DIR after stopping")
    asked = parser.parse_args()
    folder = asked.dir.resolve()
    if asked.verb == "start":
        start(folder, asked)
        return
    processes.stop(folder, ENDS[asked.mode])
    if asked.erase:
        shutil.rmtree(folder, ignore_errors=True)


main()
