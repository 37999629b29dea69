"""A runtime interface of AWS Lambda that misbehaves on demand: late, cut, doubled, with a deadline that
is none, without an id, with an answer that is refused. It starts the function's program and calls it."""
import http.server
import json
import os
import queue
import subprocess
import threading
import time
import uuid


class RuntimeInterface(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        self.calls, self.answers, self.init_errors = queue.Queue(), {}, []
        self.posted, self.changed = [], threading.Condition()
        interface = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                call = interface.calls.get()
                if call is None:
                    self.close_connection = True
                    return
                time.sleep(call.get("late", 0))
                body = call["event"]
                self.send_response(call.get("status", 200))
                if call.get("id"):
                    self.send_header("Lambda-Runtime-Aws-Request-Id", call["id"])
                if call.get("deadline"):
                    self.send_header("Lambda-Runtime-Deadline-Ms", call["deadline"])
                self.send_header("Lambda-Runtime-Trace-Id", "Root=1-test")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if call.get("cut"):
                    self.wfile.write(body[:len(body) // 2])
                    self.wfile.flush()
                    self.close_connection = True
                    self.connection.close()
                    return
                try:
                    self.wfile.write(body)
                except OSError:  # it need not hear more than AWS may say
                    self.close_connection = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = interface.heard(self.path, json.loads(body))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        super().__init__(("127.0.0.1", 0), Handler)
        self.refused = set()  # ids whose answer is not taken
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass  # a function that is killed lets its connections go

    def heard(self, path, body):
        with self.changed:
            kind = path.split("/")[-1]
            if path.endswith("/init/error"):
                self.init_errors.append(body)
            else:
                request = path.split("/")[-2]
                self.posted.append((request, kind))
                if kind == "response" and request in self.refused:
                    return 413
                self.answers.setdefault(request, []).append((kind, body))
            self.changed.notify_all()
        return 202

    def send(self, event, seconds=60.0, **how):
        """Gives a call; its id."""
        how.setdefault("id", str(uuid.uuid4()))
        how.setdefault("deadline", str(int((time.time() + seconds) * 1000)))
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        self.calls.put({"event": body, **how})
        return how["id"]

    def answer(self, request, patience=120):
        """("response" or "error", what was said) of a call."""
        end = time.monotonic() + patience
        with self.changed:
            while request not in self.answers:
                left = end - time.monotonic()
                assert left > 0 and self.changed.wait(left), f"no answer to {request}"
            return self.answers[request][0]

    def call(self, event, seconds=60.0, **how):
        return self.answer(self.send(event, seconds, **how))


class Function:
    """The program, as AWS starts it: its own folder, nothing of our environment but what is told."""

    def __init__(self, program, interface, log, runner=(), **variables):
        self.log = log
        environment = {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{interface.server_port}",
                       "AWS_LAMBDA_FUNCTION_NAME": "coin_record", "PATH": os.environ["PATH"],
                       "AWS_EC2_METADATA_DISABLED": "true", **variables}
        for name in ("ASAN_OPTIONS", "LD_LIBRARY_PATH"):
            if name in os.environ:
                environment[name] = os.environ[name]
        with open(log, "wb") as file:
            self.process = subprocess.Popen([*runner, program], env=environment, stderr=file,
                                            stdout=file, stdin=subprocess.DEVNULL)

    def lines(self):
        return [json.loads(line) for line in open(self.log, encoding="utf-8") if line.startswith("{")]

    def end(self, patience=60):
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(patience)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
