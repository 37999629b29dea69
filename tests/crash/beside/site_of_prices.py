"""The site that a recorder asks: every answer has a price that no other answer ever had, and is in a
file of its own, brought to the disk, before its first byte is sent. What is in that file and not in
the database was lost; what is in the database and not in that file was made up."""
import dataclasses
import http.server
import json
import os
import pathlib
import random
import sys
import threading
import time


@dataclasses.dataclass
class Answer:
    """One answer: to whom, about what, when it was asked for and when it had been sent whole."""
    number: int
    asker: int  # the process
    instrument: str
    price: str
    previous: str
    asked: float
    sent: float | None = None


def digits_of(number, random_digits):
    """A price that only this number gives, in the many shapes of real ones: trailing zeros, many
    digits, none behind the point."""
    shapes = [f"{number}", f"{number}.50", f"{number}.{random_digits.randrange(10**8):08}",
              f"{number}.{random_digits.randrange(10**3):03}0", f"{number}.{random_digits.randrange(10**15):015}"]
    return random_digits.choice(shapes)


def owner_of(port, processes):
    """Which of the processes holds the socket with this local port."""
    wanted = None
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and fields[9] != "0":
            wanted = f"socket:[{fields[9]}]"
    for process in list(processes):
        try:
            for descriptor in pathlib.Path(f"/proc/{process}/fd").iterdir():
                if os.readlink(descriptor) == wanted:
                    return process
        except OSError:
            continue  # it ended, or closed one of them meanwhile
    return 0


class Site(http.server.ThreadingHTTPServer):
    """Answers /INSTRUMENT after up to `spread` seconds, so that prices are written all through a
    slot. `askers` are the processes that may ask; whoever starts one puts it in."""
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, log, seed, spread):
        self.spread, self.askers = spread, set()
        self.answers, self.lock = [], threading.Lock()
        self.random = random.Random(seed)
        self.log = open(log, "ab", buffering=0)
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def begin(self, asker, instrument):
        """The next answer, and how long it takes."""
        with self.lock:
            number = len(self.answers) + 1
            answer = Answer(number, asker, instrument, digits_of(number, self.random),
                            digits_of(number + 10**6, self.random), time.time())
            self.answers.append(answer)
            return answer, self.random.uniform(0, self.spread)

    def handle_error(self, request, client_address):
        """Whoever asks may be killed at any moment."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def keep(self, answer):
        with self.lock:
            self.log.write(json.dumps(dataclasses.asdict(answer)).encode() + b"\n")
        os.fsync(self.log.fileno())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.asker = owner_of(self.client_address[1], self.server.askers)

    def do_GET(self):
        instrument = self.path.rpartition("/")[2]
        if instrument == "":  # whether anybody is there
            self.reply(b"{}")
            return
        answer, wait = self.server.begin(self.asker, instrument)
        time.sleep(wait)
        body = json.dumps({"instrument": instrument, "name": f"{instrument} at {answer.number}",
                           "price": answer.price, "previous": answer.previous}).encode()
        self.server.keep(answer)
        try:
            self.reply(body)
        except OSError:
            return  # nobody is there any more: not answered
        answer.sent = time.time()
        self.server.keep(answer)

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
