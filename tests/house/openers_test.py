"""Nobody but SQLite opens an SQLite file: closing any descriptor of it drops the locks of the process,
and the next program that looks deletes its WAL. Whoever opens files is listed here, with what."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
OPENERS = {
    "src/app/backup_set.cc": "a backup's list, and its first bytes",
    "src/app/config.cc": "configuration and other texts",
    "src/app/main.cc": "/dev/null",
    "src/app/output_file.cc": "a new file beside the one that it replaces, or a stream",
    "src/app/verb_check.cc": "the machine's time zones",
    "src/app/verb_extract.cc": "a saved page",
    "src/app/verb_restore.cc": "the files of a backup",
    "src/aws/credentials.cc": "AWS's shared files, and tokens",
    "src/aws/s3_files.cc": "a file that goes to S3, or comes from there",
    "src/base/system_fault.cc": "the root folder, to see whether a descriptor is left",
    "src/config/secrets.cc": "a secret",
    "src/demo/page_folder.cc": "saved pages",
    "src/market/zone.cc": "time zones",
    "src/net/curl_transfer.cc": "a file that is sent",
    "src/sources/load.cc": "sources",
    "src/captures/sqlite/capture_file.cc": "the note of which WAL is the captures'",
    "src/store/sqlite/file_lease.cc": "the lease",
    "src/store/sqlite/lease_row.cc": "what the kernel says of processes",
    "src/base/part_file.cc": "a backup that SQLite has closed",
    "src/store/sqlite/replaced_note.cc": "the note of a replaced database",
    "src/tape/spool/spool_file.cc": "the lock on draining",
}
OPENS = re.compile(r"\b(?:ifstream|ofstream|fstream|fopen|openat|copy_file)\b(?!>)|(?<![\w>])::open\(")

faults = []
unused = set(OPENERS)
for path in sorted((root / "src").rglob("*")):
    name = str(path.relative_to(root))
    if path.suffix not in {".h", ".cc", ".c"} or name.endswith("_test.cc"):
        continue
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("#include") or not OPENS.search(line.split("//")[0]):
            continue
        unused.discard(name)
        if name not in OPENERS:
            faults.append(f"{name}:{number}: opens a file and is not listed in {pathlib.Path(__file__).name}")
faults += [f"{name} is listed and opens nothing" for name in sorted(unused)]
print("\n".join(faults) or "files are opened where it is said")
sys.exit(1 if faults else 0)
