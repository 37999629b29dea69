"""`tapedeck lambda deploy` and `invoke`: MiniStack makes the function of the zip and runs it, against a site on
loopback and a real Kafka; moto, with its signature and policy checks on, proves that the rights to IAM which
docs/lambda.md lists are enough, and that none of them can be spared."""
import io
import json
import pathlib
import re
import subprocess
import sys
import zipfile

import boto3

import s3_test as aws
from function_test import BROKER, DAILY, FOLDER, event, messages

PROGRAM, BOOTSTRAP = sys.argv[1], sys.argv[2]
aws.PROGRAM = PROGRAM
DOCS = pathlib.Path(__file__).resolve().parents[3] / "docs/lambda.md"
REGION = aws.REGION


def packed(program):
    """A ZIP of a program, which need not be Amazon Linux's where an emulator runs it here."""
    stripped = FOLDER / "bootstrap"
    subprocess.run(["strip", "-o", stripped, program], check=True)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        info = zipfile.ZipInfo("bootstrap")
        info.external_attr = 0o100755 << 16
        file.writestr(info, stripped.read_bytes(), zipfile.ZIP_DEFLATED)  # a sanitized program has tens of MB
    path = FOLDER / "function.zip"
    path.write_bytes(out.getvalue())
    return str(path)


def start_ministack():
    port = aws.free_port()
    return aws.start("ministack", [aws.SCRIPTS / "ministack"], port, BIND_HOST="127.0.0.1", GATEWAY_PORT=str(port))


def runs_under_ministack(url, zip_path):
    keys = ("test", "nobody-checks-this-one")
    settings = ["--set", f'tape.url="kafka://{BROKER}"', "--set", f'dag.coin_market_record.schedule="{DAILY}"']
    for expected in ("coin_record", "coin_record"):  # made, then brought up to date
        said = json.loads(aws.tapedeck(url, keys, "lambda", "deploy", expected, "--zip", zip_path, "--timeout", "30",
                                       "--json", *settings).splitlines()[-1])
        assert said["arn"].endswith(":function:coin_record"), said
    told = boto3.client("lambda", endpoint_url=url, region_name=REGION, aws_access_key_id="test",
                        aws_secret_access_key="test").get_function(FunctionName="coin_record")["Configuration"]
    assert told["Runtime"] == "provided.al2023" and told["Timeout"] == 30, told
    assert f"kafka://{BROKER}" in told["Environment"]["Variables"]["TAPEDECK_SETTINGS"], told
    out = aws.tapedeck(url, keys, "lambda", "invoke", "coin_record", "--payload", json.dumps(event()), "--quiet")
    body = json.loads(out)
    assert body["statusCode"] == 200 and len(body["recorded"]) == 2, body
    stand = {(m.partition, m.offset): m.key.decode() for m in messages("coin_topic")}
    assert all(stand[one["partition"], one["offset"]] == one["instrument"] for one in body["recorded"])
    said = aws.tapedeck(url, keys, "lambda", "invoke", "coin_record", "--payload", "{}", expected=1)
    assert "neither feed, coin_list nor stock_list" in said, said
    aws.tapedeck(url, keys, "lambda", "invoke", "coin_record", "--event", "--payload", json.dumps(event()))
    said = aws.tapedeck(url, keys, "lambda", "invoke", "none", "--payload", "{}", expected=1)
    assert "there is no such thing" in said, said


def listed_rights():
    """The actions of whoever deploys, as docs/lambda.md lists them."""
    text = DOCS.read_text()
    text = text[text.index("Whoever deploys needs"):text.index("whoever calls it")]
    service, actions = "", []
    for name in re.findall(r"`([A-Za-z]+(?::[A-Za-z]+)?)`", text):
        service = name.split(":")[0] if ":" in name else service
        actions.append(f"{service}:{name.split(':')[-1]}")
    return actions


def rights_are_least(lambda_url, zip_path):
    """moto refuses every signature of Lambda's own calls, boto3's too: those go to MiniStack, which checks none."""
    actions = listed_rights()
    assert "lambda:CreateFunction" in actions and "sts:GetCallerIdentity" in actions, actions
    # PassRole is asked for by AWS itself, and moto does not know it.
    needed = [one for one in actions if one.startswith("iam:") and one != "iam:PassRole"]
    assert len(needed) == 3, needed
    url, keys = users_with(actions, needed)
    also = {"AWS_ENDPOINT_URL_IAM": url, "AWS_ENDPOINT_URL_STS": url}
    for _ in range(2):
        aws.tapedeck(lambda_url, keys[""], "lambda", "deploy", "coin_record", "--zip", zip_path, also=also)
    iam = boto3.client("iam", endpoint_url=url, region_name=REGION, aws_access_key_id=keys["admin"][0],
                       aws_secret_access_key=keys["admin"][1])
    policy = iam.get_role_policy(RoleName="tapedeck-coin_record", PolicyName="tapedeck")["PolicyDocument"]
    statements = policy["Statement"]
    assert [one["Action"] for one in statements] == \
        [["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]], policy
    assert all(":log-group:/aws/lambda/coin_record" in one for one in statements[0]["Resource"]), policy
    for action in needed:
        name = f"without_{action.split(':')[1]}"  # only what is not there yet is made
        said = aws.tapedeck(lambda_url, keys[action], "lambda", "deploy", name, "--zip", zip_path, expected=1, also=also)
        assert "permission is missing" in said, (action, said)
    print(f"  each of {len(needed)} rights is needed")


def users_with(actions, needed):
    port = aws.free_port()
    users = {"admin": ["*"], "": actions, **{one: [a for a in actions if a != one] for one in needed}}
    url = aws.start("moto", [aws.SCRIPTS / "moto_server", "-H", "127.0.0.1", "-p", str(port)], port,
                    INITIAL_NO_AUTH_ACTION_COUNT=str(3 * len(users)))
    iam = boto3.client("iam", endpoint_url=url, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x")
    keys = {}
    for number, (user, allowed) in enumerate(users.items()):
        name = f"user{number}"
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]}))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys[user] = (key["AccessKeyId"], key["SecretAccessKey"])
    return url, keys


def main():
    zip_path = packed(BOOTSTRAP)
    ministack = start_ministack()
    runs_under_ministack(ministack, zip_path)
    print("ministack makes the function and runs it: fine")
    rights_are_least(ministack, zip_path)
    print("moto, policies checked: fine")
    print("2 passed, 0 failed")


if __name__ == "__main__":
    main()
