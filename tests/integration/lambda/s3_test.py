"""`tapedeck s3` against servers that are not ours: moto with its signature and policy checks on, and
MiniStack. What goes in comes out, byte for byte; an upload or a download that was cut is gone on with; what
AWS refuses is explained."""
import atexit
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import boto3

PROGRAM = sys.argv[1]
SCRIPTS = pathlib.Path(sys.executable).parent
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="tapedeck-s3-"))
REGION = "eu-west-1"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(name, command, port, **variables):
    log = open(FOLDER / f"{name}.log", "wb")
    process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=log, stderr=log, cwd=FOLDER)
    atexit.register(lambda: (process.terminate(), process.wait()))
    end = time.monotonic() + 120
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return f"http://127.0.0.1:{port}"
        assert process.poll() is None and time.monotonic() < end, (FOLDER / f"{name}.log").read_text()
        time.sleep(0.2)


def start_moto():
    """Its first calls need no right: a user is made who has one to all of S3, and one who may only read."""
    port = free_port()
    url = start("moto", [SCRIPTS / "moto_server", "-H", "127.0.0.1", "-p", str(port)], port,
                INITIAL_NO_AUTH_ACTION_COUNT="9")
    iam = boto3.client("iam", endpoint_url=url, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    keys = {}
    for user, action in (("writer", "s3:*"), ("reader", "s3:GetObject")):
        iam.create_user(UserName=user)
        iam.put_user_policy(UserName=user, PolicyName="p", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}))
        key = iam.create_access_key(UserName=user)["AccessKey"]
        keys[user] = (key["AccessKeyId"], key["SecretAccessKey"])
    for _ in range(3):  # the rest of those calls
        iam.list_users()
    return url, keys


def surroundings(url, keys):
    return {"PATH": os.environ["PATH"], "HOME": str(FOLDER), "AWS_REGION": REGION, "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1], "AWS_EC2_METADATA_DISABLED": "true",
            **{name: os.environ[name] for name in ("ASAN_OPTIONS", "LD_LIBRARY_PATH") if name in os.environ}}


def tapedeck(url, keys, *words, expected=0, also=None):
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, cwd=FOLDER,
                          env={**surroundings(url, keys), **(also or {})})
    assert done.returncode == expected, (words, done.returncode, done.stdout, done.stderr)
    # MiniStack's own is a word that may stand anywhere.
    assert keys[1] == "test" or keys[1] not in done.stdout + done.stderr, "a secret is shown"
    return done.stdout + done.stderr


def write(name, size, seed=b"x"):
    """A file of bytes that no two of its parts share."""
    path = FOLDER / name
    with open(path, "wb") as file:
        block = seed
        while size > 0:
            block = hashlib.sha512(block).digest() * 512
            file.write(block[:size])
            size -= len(block)
    return path


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def round_trip(name, url, keys):
    s3 = boto3.client("s3", endpoint_url=url, region_name=REGION, aws_access_key_id=keys[0],
                      aws_secret_access_key=keys[1])
    bucket = f"bucket-{name}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    small, empty, large = write("small", 100_001), write("empty", 0), write("large", 70 << 20)
    odd = "a b/ü+&=%~'().bin"
    for path, key in ((small, odd), (empty, "empty"), (large, "deep/er/large")):
        tapedeck(url, keys, "s3", "put", str(path), f"s3://{bucket}/{key}", "--sse", "AES256")
        assert hashlib.sha256(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest() == digest(path), key
        out = FOLDER / "out"
        out.unlink(missing_ok=True)
        told = json.loads(tapedeck(url, keys, "s3", "get", f"s3://{bucket}/{key}", str(out), "--json"))
        assert digest(out) == digest(path) == told["sha256"], key
    assert s3.head_object(Bucket=bucket, Key="deep/er/large")["ServerSideEncryption"] == "AES256"
    listed = tapedeck(url, keys, "s3", "ls", f"s3://{bucket}/")
    assert "deep/\n" in listed and "empty" in listed and "large" not in listed, listed
    assert "deep/er/large" in tapedeck(url, keys, "s3", "ls", f"s3://{bucket}/de", "--recursive")
    resume_download(url, keys, bucket, large)
    resume_upload(s3, url, keys, bucket, large)
    link = tapedeck(url, keys, "s3", "presign", f"s3://{bucket}/{odd}", "--expires", "5m").strip()
    if name != "moto":  # which reads policies from headers alone
        assert urllib.request.urlopen(link).read() == small.read_bytes()
    tapedeck(url, keys, "s3", "get", f"s3://{bucket}/none", expected=3)
    return s3, bucket


def resume_download(url, keys, bucket, large):
    place, out = f"s3://{bucket}/deep/er/large", FOLDER / "again"
    tapedeck(url, keys, "s3", "get", place, str(out))
    head = boto3.client("s3", endpoint_url=url, region_name=REGION, aws_access_key_id=keys[0],
                        aws_secret_access_key=keys[1]).head_object(Bucket=bucket, Key="deep/er/large")
    part = FOLDER / "again.part"
    out.rename(part)
    with open(part, "r+b") as file:
        file.truncate(30_000_000)
    (FOLDER / "again.part.of").write_text(f"{place} {head['ETag']} {head['ContentLength']}\n")
    told = json.loads(tapedeck(url, keys, "s3", "get", place, str(out), "--json"))
    assert told["resumed"] == 30_000_000 and digest(out) == digest(large), told
    # Bytes of another object are not gone on with.
    part.write_bytes(b"wrong" * 1000)
    (FOLDER / "again.part.of").write_text("s3://other/object etag 5\n")
    told = json.loads(tapedeck(url, keys, "s3", "get", place, str(out), "--json"))
    assert told["resumed"] == 0 and digest(out) == digest(large), told


def resume_upload(s3, url, keys, bucket, large):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="resumed", ChecksumAlgorithm="SHA256")
    with open(large, "rb") as file:
        s3.upload_part(Bucket=bucket, Key="resumed", UploadId=upload["UploadId"], PartNumber=1,
                       Body=file.read(16 << 20), ChecksumAlgorithm="SHA256")
    told = json.loads(tapedeck(url, keys, "s3", "put", str(large), f"s3://{bucket}/resumed", "--json"))
    assert told["resumed"] in (16 << 20, 0), told
    body = s3.get_object(Bucket=bucket, Key="resumed")["Body"].read()
    assert hashlib.sha256(body).hexdigest() == digest(large)
    print(f"  upload gone on with: {told['resumed']} bytes of an earlier one")


def refusals(url, keys, bucket):
    place = f"s3://{bucket}/empty"
    said = tapedeck(url, ("AKIANOBODYKNOWSIT000", "y" * 40), "s3", "ls", place, expected=1)
    assert "does not know this access key" in said, said
    said = tapedeck(url, (keys["writer"][0], "z" * 40), "s3", "ls", place, expected=1)
    assert "secret key does not belong" in said, said
    said = tapedeck(url, keys["reader"], "s3", "put", str(FOLDER / "small"), place, expected=1)
    assert "permission is missing" in said and "docs/lambda.md" in said, said
    tapedeck(url, keys["reader"], "s3", "get", place, str(FOLDER / "read"))
    said = tapedeck(url, keys["writer"], "s3", "ls", "s3://no-such-bucket-here/", expected=3)
    assert "NoSuchBucket" in said, said


def main():
    moto, keys = start_moto()
    _, bucket = round_trip("moto", moto, keys["writer"])
    print("moto, signatures and policies checked: fine")
    refusals(moto, keys, bucket)
    print("refusals are explained: fine")
    port = free_port()
    ministack = start("ministack", [SCRIPTS / "ministack"], port, BIND_HOST="127.0.0.1", GATEWAY_PORT=str(port))
    round_trip("ministack", ministack, ("test", "test"))
    print("ministack: fine")
    shutil.rmtree(FOLDER, ignore_errors=True)
    print("3 passed, 0 failed")


if __name__ == "__main__":
    main()
