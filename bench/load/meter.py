"""CPU time and memory of processes, by /proc; and of one program from its start to its end."""
import os
import pathlib
import subprocess
import sys
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")


def stat_of(pid):
    """(parent, CPU seconds with those of children that ended); None where the process is gone."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return int(fields[1]), sum(map(int, fields[11:15])) / TICKS


def tree(root):
    """The processes below `root`, itself included, with their CPU seconds."""
    stats = {int(path.name): stat_of(path.name) for path in pathlib.Path("/proc").glob("[0-9]*")}
    found, open_ = {}, [root]
    while open_:
        pid = open_.pop()
        if pid in found or stats.get(pid) is None:
            continue
        found[pid] = stats[pid][1]
        open_ += [other for other, stat in stats.items() if stat is not None and stat[0] == pid]
    return found


def cpu_of_tree(root):
    return sum(tree(root).values())


def peak_of(pid):
    """VmHWM in MiB: the largest resident memory so far; 0 where the process is gone."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


class Peak(threading.Thread):
    """Watches the memory of a program and of what it starts: the sum of the largest of each."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peaks, self.done = pid, {}, threading.Event()
        self.start()

    def run(self):
        turn = 0
        pids = [self.pid]
        while not self.done.wait(0.02):
            if turn % 25 == 0:
                pids = list(tree(self.pid)) or pids
            turn += 1
            for pid in pids:
                self.peaks[pid] = max(self.peaks.get(pid, 0.0), peak_of(pid))

    def end(self):
        self.done.set()
        self.join()
        return sum(self.peaks.values())


class FirstRow(threading.Thread):
    """When the table that a contestant fills got its first page."""

    def __init__(self, link, table):
        super().__init__(daemon=True)
        self.link, self.table, self.at, self.done = link, table, None, threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(0.005):
            if self.link.execute("select pg_relation_size(%s)", (self.table,)).fetchone()[0] > 0:
                self.at = time.time()
                return

    def end(self):
        self.done.set()
        self.join()
        return self.at


def run_program(command, servers, link, table, log, env=None):
    """Runs a program to its end and measures it; what it says on stderr goes to the file `log`.

    `servers` names processes whose CPU time is taken as well. The program's own is that of its
    whole tree. Ends this program where the other fails.
    """
    before = {name: cpu_of_tree(pid) for name, pid in servers.items()}
    first = FirstRow(link, table)
    began = time.time()
    # Reaped by wait4 alone: it tells what the program and its children used.
    with open(log, "wb") as errors:
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=errors, env=env)
    peak = Peak(process.pid)
    output = process.stdout.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    ended = time.time()
    process.returncode = os.waitstatus_to_exitcode(status)
    memory = peak.end()
    if process.returncode != 0:
        said = pathlib.Path(log).read_text(errors="replace").splitlines()[-30:]
        sys.exit("\n".join([*map(str, command), output, *said, f"ended with {process.returncode}"]))
    time.sleep(0.3)  # until the servers have taken leave of it, and counted what that process used
    cpu = {name: cpu_of_tree(pid) - before[name] for name, pid in servers.items()}
    return {"began": began, "first": first.end() or began, "ended": ended, "output": output,
            "cpu": usage.ru_utime + usage.ru_stime, "memory": memory, "servers": cpu}
