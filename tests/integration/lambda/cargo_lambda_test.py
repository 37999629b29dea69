"""The function under another's runtime interface: cargo-lambda's, whose deadline is no time of day. Argument: the
program."""
import atexit
import json
import subprocess
import urllib.error
import urllib.request

import s3_test as aws
from function_test import BROKER, FOLDER, PROGRAM, SETTINGS, event, messages, stock_event

# It asks Cargo for the package whose function it serves, whatever starts that.
PACKAGE = {"packages": [{"name": "function", "version": "0.0.0", "id": "function 0.0.0", "dependencies": [],
                         "targets": [{"kind": ["bin"], "crate_types": ["bin"], "name": "function",
                                      "src_path": "/none/main.rs", "edition": "2021", "doc": True, "doctest": False,
                                      "test": True}],
                         "features": {}, "manifest_path": "/none/Cargo.toml", "edition": "2021"}],
           "workspace_members": ["function 0.0.0"], "target_directory": "/none", "version": 1,
           "workspace_root": "/none"}


def start():
    tools = FOLDER / "tools"
    tools.mkdir()
    (tools / "cargo").write_text(f"#!/bin/sh\necho '{json.dumps(PACKAGE)}'\n")
    (tools / "cargo").chmod(0o755)
    port = aws.free_port()
    return aws.start("cargo-lambda", [aws.SCRIPTS / "cargo-lambda", "lambda", "watch", "--only-lambda-apis", "-A",
                                      "127.0.0.1", "-P", str(port)], port, PATH=f"{tools}:/usr/bin:/bin")


def invoke(url, payload):
    """(status, answer)"""
    request = urllib.request.Request(f"{url}/2015-03-31/functions/_/invocations", json.dumps(payload).encode())
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def main():
    url = start()
    environment = {**aws.surroundings(url, ("x", "y")), "TAPEDECK_SETTINGS": SETTINGS, "AWS_LAMBDA_FUNCTION_NAME": "_",
                   "AWS_LAMBDA_RUNTIME_API": url.removeprefix("http://") + "/.rt"}
    with open(FOLDER / "function.log", "wb") as log:
        function = subprocess.Popen([PROGRAM], env=environment, stdout=log, stderr=log)
    atexit.register(function.kill)
    status, body = invoke(url, event())
    assert status == 200 and len(body["recorded"]) == 2 and not body["failed"], (status, body)
    stand = {(m.partition, m.offset): m.key.decode() for m in messages("coin_topic")}
    assert {(one["partition"], one["offset"]): one["instrument"] for one in body["recorded"]} == stand, (body, stand)
    status, said = invoke(url, {"feed": "bonds"})
    assert status == 500 and said["errorType"] == "BadEvent" and "bonds" in said["errorMessage"], (status, said)
    status, body = invoke(url, stock_event(kafka_topic="coin_topic"))
    assert status == 200 and body["warnings"], (status, body)
    assert len(messages("coin_topic")) == 2 and len(messages("stock_topic")) == 1, BROKER
    function.terminate()
    assert function.wait(60) == 0
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
