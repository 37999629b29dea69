"""The Debian package in a root folder of its own: installed, recording as its own user, upgraded over
the database of an older version, removed and purged. The folder is the machine's, laid over by a
file system in memory: what dpkg and the scripts write is gone with it, and nothing of the machine
changes. Argument: the build's folder."""
import csv
import io
import os
import pathlib
import re
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1])
HOME = "var/lib/tapedeck"
PRICES = f"{HOME}/tapedeck-demo.db"
AS_ITS_USER = ["setpriv", "--reuid=tapedeck", "--regid=tapedeck", "--clear-groups", "--no-new-privs",
               "env", "-C", f"/{HOME}", "ASAN_OPTIONS=detect_leaks=0"]


def run(*command, fails=False):
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode != 0) == fails, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def own_mounts():
    """Begins this program again where its mounts are its own; ends it where that cannot be had."""
    if "--mounted" in sys.argv:
        return
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"]).returncode != 0:
        print("skipped: a root folder of one's own needs root")
        sys.exit(0)
    os.execvp("unshare", ["unshare", "-m", sys.executable, "-B", *sys.argv, "--mounted"])


class Root:
    """A root folder with the machine's files; it has never seen the package."""

    def __init__(self):
        base = pathlib.Path(tempfile.mkdtemp())
        run("mount", "-t", "tmpfs", "tmpfs", str(base))
        self.path = base / "root"
        for name in ("upper", "work", "root"):
            (base / name).mkdir()
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir=/,upperdir={base / 'upper'},workdir={base / 'work'}", str(self.path))
        for name in ("proc", "dev"):
            run("mount", "--rbind", f"/{name}", str(self.path / name))
        self.run("sh", "-c", "! dpkg -s tapedeck 2>&- >&- || dpkg --purge tapedeck; rm -rf /var/lib/tapedeck;"
                 " ! id -u tapedeck 2>&- || deluser --quiet tapedeck; mkdir -p /run/nothing")
        self.run("rm", "-rf", "/run/systemd/system")  # its services are not the machine's

    def run(self, *command, **more):
        return run("chroot", str(self.path), *command, **more)

    def install(self, package):
        (self.path / "tmp" / package.name).write_bytes(package.read_bytes())
        return self.run("dpkg", "-i", f"/tmp/{package.name}")

    def tapedeck(self, *arguments):
        return self.run(*AS_ITS_USER, "tapedeck", *arguments)

    def prices(self):
        return list(csv.DictReader(io.StringIO(self.tapedeck("export", "--config", "demo"))))


def package(version, folder):
    run("cpack", "-G", "DEB", "--config", str(BUILD / "CPackConfig.cmake"), "-B", str(folder / version), "-R", version)
    (made,) = (folder / version).glob("*.deb")
    return made


def made_older(database):
    """As the version before had it, which knew nothing of dead letters' ends."""
    run("sqlite3", str(database), "drop table loading_starts; delete from schema_version where part = 'store' and"
        " version = (select max(version) from schema_version where part = 'store')")


def main():
    own_mounts()
    folder = pathlib.Path(tempfile.mkdtemp())
    older, newer = package("0.0.9", folder), package("0.1.0", folder)
    root = Root()

    said = root.install(older)
    assert "systemctl enable --now tapedeck" in said, said
    home = (root.path / HOME).stat()
    assert oct(home.st_mode)[-3:] == "750" and home.st_uid != 0, oct(home.st_mode)
    unit = (root.path / "usr/lib/systemd/system/tapedeck.service").read_text()
    assert re.search(r"^User=tapedeck$", unit, re.MULTILINE), unit
    holds = run("dpkg-deb", "-c", str(older))
    for file in ("man/man1/tapedeck.1.gz", "doc/tapedeck/docs/postgres.md", "zsh/vendor-completions/_tapedeck"):
        assert f"/usr/share/{file}" in holds, (file, holds)
    manual = run("sh", "-c", f"dpkg-deb --fsys-tarfile {older} | tar -xO ./usr/share/man/man1/tapedeck.1.gz | gunzip")
    assert ".SS audit" in manual and "\\-\\-as\\-known\\-at TIME" in manual, manual
    assert "tapedeck" in root.run("bash", "-c", ". /usr/share/bash-completion/completions/tapedeck; complete -p tapedeck")

    root.tapedeck("demo", "--plain", "--slots", "2", "--speed", "300")
    before = root.prices()
    assert len(before) >= 12, before
    owner = (root.path / PRICES).stat().st_uid
    assert owner == home.st_uid, owner

    made_older(root.path / PRICES)
    said = root.install(newer)
    assert "enable --now" not in said, said
    assert "older" in root.tapedeck("check", "--config", "demo")
    assert root.prices() == before
    root.tapedeck("demo", "--plain", "--slots", "1", "--speed", "300")
    after = root.prices()
    lost = [price for price in before if price not in after]
    assert not lost and len(after) > len(before), (lost, len(before), len(after))
    root.tapedeck("audit", "--config", "demo")

    root.run("dpkg", "--remove", "tapedeck")
    root.run("which", "tapedeck", fails=True)
    said = root.run("dpkg", "--purge", "tapedeck")
    assert "what it recorded stay" in said, said
    kept = run("sqlite3", "-readonly", str(root.path / PRICES), "select (select count(*) from coin_records)"
               " + (select count(*) from stock_records)")
    assert int(kept) == len(after), (kept, len(after))
    left = root.run("find", "/usr", "/etc", "-xdev", "-name", "*tapedeck*", "-newer", "/run/nothing")
    assert left == "", left

    again = root.install(newer)  # over what a purge has left
    assert "systemctl enable" in again and root.prices() == after
    print("installed, recorded, upgraded, removed, purged: well")


if __name__ == "__main__":
    main()
