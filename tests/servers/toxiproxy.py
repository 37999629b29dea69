#!/usr/bin/env python3
"""Starts and stops a toxiproxy, and puts proxies and faults into it.

    toxiproxy.py start --dir DIR [--port P]
    toxiproxy.py proxy --dir DIR --name NAME --to HOST:PORT [--port P]   answers {"port": P}
    toxiproxy.py cut|mend --dir DIR --name NAME        closes every connection and refuses new ones
    toxiproxy.py toxic --dir DIR --name NAME --type TYPE [--set NAME=NUMBER]... [--upstream]
    toxiproxy.py heal --dir DIR --name NAME            takes all toxics away
    toxiproxy.py stop --dir DIR
    toxiproxy.py install

Types are toxiproxy's: latency (latency, jitter: ms), bandwidth (rate: kB/s), timeout, reset_peer,
slow_close, limit_data, slicer. Needs Go.
"""
import argparse
import json
import os
import pathlib
import urllib.request

import processes

MODULE = "github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0"


def install(scratch):
    processes.run(["go", "install", MODULE], env=os.environ | {"GOBIN": str(scratch)})


def program():
    return processes.install_once(processes.cache("toxiproxy-2.12.0"), install) / "server"


def ask(port, method, path, body=None):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", method=method,
        data=None if body is None else json.dumps(body).encode())
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=5) as answer:
        return json.loads(answer.read() or b"null")


def answers(port):
    try:
        return ask(port, "GET", "/proxies") is not None
    except OSError:
        return False


def start(folder, asked):
    folder.mkdir(parents=True, exist_ok=True)
    processes.stop(folder)
    port = asked.port or processes.free_port()
    log = folder / "log"
    server = processes.spawn([program(), "-host", "127.0.0.1", "-port", str(port)], log)
    processes.wait_until(lambda: processes.listens(server.pid, port) and answers(port), server, log)
    processes.remember(folder, server.pid, port=port)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["start", "proxy", "cut", "mend", "toxic", "heal", "stop", "install"])
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("toxiproxy"))
    parser.add_argument("--port", type=int)
    parser.add_argument("--name")
    parser.add_argument("--to")
    parser.add_argument("--type")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--upstream", action="store_true", help="spoil what clients send")
    asked = parser.parse_args()
    folder = asked.dir.resolve()
    port = processes.recall(folder).get("port")
    if asked.verb == "start":
        start(folder, asked)
    elif asked.verb == "stop":
        processes.stop(folder)
    elif asked.verb == "install":
        program()
    elif asked.verb == "proxy":
        listen = f"127.0.0.1:{asked.port or processes.free_port()}"
        made = ask(port, "POST", "/proxies",
                   {"name": asked.name, "listen": listen, "upstream": asked.to, "enabled": True})
        print(json.dumps({"port": int(made["listen"].rpartition(":")[2])}))
    elif asked.verb in ("cut", "mend"):
        ask(port, "POST", f"/proxies/{asked.name}", {"enabled": asked.verb == "mend"})
    elif asked.verb == "toxic":
        attributes = {name: int(value) for name, value in (pair.split("=") for pair in asked.set)}
        ask(port, "POST", f"/proxies/{asked.name}/toxics",
            {"type": asked.type, "stream": "upstream" if asked.upstream else "downstream",
             "attributes": attributes})
    else:
        for toxic in ask(port, "GET", f"/proxies/{asked.name}/toxics"):
            ask(port, "DELETE", f"/proxies/{asked.name}/toxics/{toxic['name']}")


main()
