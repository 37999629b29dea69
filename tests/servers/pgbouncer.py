#!/usr/bin/env python3
"""Starts and stops a PgBouncer on loopback, before a PostgreSQL of ours.

    pgbouncer.py start --dir DIR --to PORT [--port P] [--set NAME=VALUE]...
    pgbouncer.py stop --dir DIR

`start` answers with one line of JSON: pid and port. It lets everybody in, as whoever they say they
are, and passes them on to the server on PORT. Settings are pgbouncer.ini's: pool_mode=session,
default_pool_size=2. Run as root, it runs as the user `postgres`. Needs Debian's `pgbouncer`.
"""
import argparse
import os
import pathlib
import shutil
import socket

import processes

PROGRAM = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def start(folder, asked):
    folder.mkdir(parents=True, exist_ok=True)
    processes.stop(folder)
    port = asked.port or processes.recall(folder).get("port") or processes.free_port()
    settings = {"listen_addr": "127.0.0.1", "listen_port": port, "auth_type": "any",
                "unix_socket_dir": ""} | dict(pair.split("=", 1) for pair in asked.set)
    lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
    file = folder / "pgbouncer.ini"
    file.write_text(f"[databases]\n* = host=127.0.0.1 port={asked.to} user=postgres\n"
                    f"[pgbouncer]\n{lines}")
    user = []
    if os.getuid() == 0:
        user = ["--user", "postgres"]
        for path in (folder, file):
            shutil.chown(path, "postgres")
        for parent in folder.parents:  # its own folder, however deep
            if parent.stat().st_mode & 1 == 0:
                parent.chmod(parent.stat().st_mode | 1)
    log = folder / "log"
    server = processes.spawn([PROGRAM, *user, str(file)], log)
    processes.wait_until(lambda: processes.listens(server.pid, port) and answers(port), server, log)
    processes.remember(folder, server.pid, port=port)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["start", "stop"])
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("pgbouncer"))
    parser.add_argument("--to", type=int)
    parser.add_argument("--port", type=int)
    parser.add_argument("--set", action="append", default=[])
    asked = parser.parse_args()
    folder = asked.dir.resolve()
    if asked.verb == "start":
        start(folder, asked)
    else:
        processes.stop(folder)


main()
