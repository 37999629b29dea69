#!/usr/bin/env python3
"""Starts and stops a real Kafka broker (KRaft, one combined node) on loopback.

    kafka.py start --dir DIR [--port P] [--proxied-port P] [--secure] [--release R] [--set NAME=VALUE]...
    kafka.py stop --dir DIR [--kill]
    kafka.py topic --dir DIR --name NAME --partitions N [--set NAME=VALUE]...
    kafka.py grow --dir DIR --name NAME --partitions N
    kafka.py delete --dir DIR --name NAME
    kafka.py produce --dir DIR --name NAME --file FILE     lines of key, tab, value, by Java's producer
    kafka.py install

`start` answers with one line of JSON: pid, port, and the others asked for. A second start in the
same folder, after `stop` or kill -9, brings back the same broker: its data, its cluster id and its
ports. --proxied-port adds a listener that tells clients to come by way of that port, where the
caller keeps a proxy to `behind_proxy`. --secure adds `secure_port`: TLS with SASL PLAIN and SCRAM,
user tapedeck, password `taped$ecret`, certificates in DIR/tls; and `mutual_port`: TLS that asks
for a client's certificate and no password. --release: another than 4.3.1. Needs Java 17 and mvn.
"""
import argparse
import pathlib
import shutil
import signal
import socket
import struct

import processes
import tls

HERE = pathlib.Path(__file__).resolve().parent
USER, PASSWORD = "tapedeck", "taped$ecret"
QUIET = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dlog4j2.statusLoggerLevel=OFF"]


RELEASE = "4.3.1"


def install(release, scratch):
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
    processes.run(["mvn", "-q", "-B", "-f", HERE / "kafka_pom.xml", goal,
                   "-DincludeScope=runtime", f"-Dkafka.version={release}",
                   f"-DoutputDirectory={scratch}"])


def java(heap, *arguments, release=RELEASE, scratch=None):
    jars = processes.install_once(processes.cache(f"kafka-{release}"),
                                  lambda scratch: install(release, scratch))
    # What it unpacks for itself lies with its data: killed, it leaves nothing elsewhere.
    own = [f"-Djava.io.tmpdir={scratch}"] if scratch else []
    return ["java", *own, f"-Xmx{heap}", "-XX:+UseSerialGC", *QUIET, "-cp", f"{jars}/*", *arguments]


def properties(folder, ports, extra, secure):
    """server.properties; only names and ports of our own, so that two brokers never meet."""
    listeners = {"PLAIN": (ports["port"], ports["port"]), "CONTROLLER": (ports["controller"], None)}
    protocols = {"PLAIN": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
    if "behind_proxy" in ports:
        listeners["PROXIED"] = (ports["behind_proxy"], ports["proxied_port"])
        protocols["PROXIED"] = "PLAINTEXT"
    lines = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{ports['controller']}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAIN",
        "log.dirs": folder / "data",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "3",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        "log.retention.check.interval.ms": "1000",
        "log.segment.delete.delay.ms": "0",
    }
    if secure:
        listeners["SECURE"] = (ports["secure_port"], ports["secure_port"])
        protocols["SECURE"] = "SASL_SSL"
        listeners["MUTUAL"] = (ports["mutual_port"], ports["mutual_port"])
        protocols["MUTUAL"] = "SSL"
        tls.make(folder / "tls")
        login = "org.apache.kafka.common.security"
        lines |= {
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": folder / "tls" / "server.both.pem",
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": folder / "tls" / "ca.pem",
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.secure.plain.sasl.jaas.config":
                f'{login}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
            "listener.name.secure.scram-sha-256.sasl.jaas.config":
                f"{login}.scram.ScramLoginModule required;",
            "listener.name.secure.scram-sha-512.sasl.jaas.config":
                f"{login}.scram.ScramLoginModule required;",
        }
    lines["listeners"] = ",".join(f"{n}://127.0.0.1:{p[0]}" for n, p in listeners.items())
    lines["advertised.listeners"] = ",".join(
        f"{n}://127.0.0.1:{p[1]}" for n, p in listeners.items() if p[1])
    lines["listener.security.protocol.map"] = ",".join(f"{n}:{p}" for n, p in protocols.items())
    lines |= dict(pair.split("=", 1) for pair in extra)
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def cluster_answering(port):
    """The cluster id that the broker on `port` names (Kafka protocol: Metadata, version 2)."""
    body = struct.pack(">hhih", 3, 2, 7, -1) + struct.pack(">i", 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as link:
            link.sendall(struct.pack(">i", len(body)) + body)
            reader = link.makefile("rb")
            answer = reader.read(struct.unpack(">i", reader.read(4))[0])
    except (OSError, struct.error, TypeError):
        return None
    at, brokers = 8, struct.unpack_from(">i", answer, 4)[0]
    for _ in range(brokers):
        at += 4
        at += 2 + struct.unpack_from(">h", answer, at)[0] + 4
        rack = struct.unpack_from(">h", answer, at)[0]
        at += 2 + max(rack, 0)
    size = struct.unpack_from(">h", answer, at)[0]
    return answer[at + 2:at + 2 + size].decode() if brokers and size > 0 else None


def format_storage(folder, secure, release):
    tool = java("128m", "kafka.tools.StorageTool", release=release)
    cluster = processes.run([*tool, "random-uuid"]).split()[-1]
    users = []
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512") if secure else ():
        users += ["--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]"]
    processes.run([*tool, "format", "-t", cluster, "-c", folder / "server.properties", *users])
    return cluster


def start(folder, asked):
    folder.mkdir(parents=True, exist_ok=True)
    before = processes.recall(folder)
    if processes.is_running(before):
        processes.stop(folder)
    names = ["port", "controller"] + (["secure_port", "mutual_port"] if asked.secure else [])
    ports = {name: before.get(name) or processes.free_port() for name in names}
    ports["port"] = asked.port or ports["port"]
    if asked.proxied_port:
        ports["proxied_port"] = asked.proxied_port
        ports["behind_proxy"] = before.get("behind_proxy") or processes.free_port()
    (folder / "server.properties").write_text(properties(folder, ports, asked.set, asked.secure))
    if (folder / "data" / "meta.properties").exists():
        cluster = before["cluster"]
    else:
        cluster = format_storage(folder, asked.secure, asked.release)
    (folder / "tmp").mkdir(exist_ok=True)
    log = folder / "log"
    server = processes.spawn(
        java("512m", "kafka.Kafka", folder / "server.properties", release=asked.release,
             scratch=folder / "tmp"), log)
    processes.wait_until(
        lambda: processes.listens(server.pid, ports["port"])
        and cluster_answering(ports["port"]) == cluster, server, log)
    more = {"user": USER, "password": PASSWORD, "tls": str(folder / "tls")} if asked.secure else {}
    processes.remember(folder, server.pid, cluster=cluster, **ports, **more)


def topic(folder, asked):
    """Makes, grows or deletes a topic with Kafka's own tool, as an operator would."""
    tool = java("128m", "org.apache.kafka.tools.TopicCommand", "--bootstrap-server",
                f"127.0.0.1:{processes.recall(folder)['port']}", "--topic", asked.name)
    if asked.verb == "delete":
        processes.run([*tool, "--delete"])
        return
    if asked.verb == "grow":
        processes.run([*tool, "--alter", "--partitions", str(asked.partitions)])
        return
    settings = [part for pair in asked.set for part in ("--config", pair)]
    processes.run([*tool, "--create", "--partitions", str(asked.partitions), *settings])


def produce(folder, asked):
    """Sends a file's lines with Kafka's own console producer."""
    tool = java("128m", "org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server",
                f"127.0.0.1:{processes.recall(folder)['port']}", "--topic", asked.name,
                "--reader-property", "parse.key=true")
    with open(asked.file, encoding="utf-8") as lines:
        processes.run(tool, stdin=lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("verb", choices=["start", "stop", "topic", "grow", "delete", "produce", "install"])
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("kafka-server"))
    parser.add_argument("--port", type=int)
    parser.add_argument("--proxied-port", type=int)
    parser.add_argument("--secure", action="store_true")
    parser.add_argument("--release", default=RELEASE)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--kill", action="store_true", help="kill -9 in place of a clean end")
    parser.add_argument("--erase", action="store_true", help="remove DIR after stopping")
    parser.add_argument("--name")
    parser.add_argument("--file", type=pathlib.Path)
    parser.add_argument("--partitions", type=int, default=1)
    asked = parser.parse_args()
    folder = asked.dir.resolve()
    if asked.verb == "start":
        start(folder, asked)
    elif asked.verb == "stop":
        processes.stop(folder, signal.SIGKILL if asked.kill else signal.SIGTERM)
        if asked.erase:
            shutil.rmtree(folder, ignore_errors=True)
    elif asked.verb in ("topic", "grow", "delete"):
        topic(folder, asked)
    elif asked.verb == "produce":
        produce(folder, asked)
    else:
        java("1m")


main()
