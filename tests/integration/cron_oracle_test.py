"""Compares cron schedules in UTC with croniter's: random expressions, random spans, and what must
be refused. The seed is printed; CRON_ORACLE_SEED sets it, CRON_ORACLE_CASES the number."""
import datetime
import os
import random
import subprocess
import sys

from croniter import croniter

RANGES = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)]
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
WEEKDAYS = "SUN MON TUE WED THU FRI SAT".split()
UTC = datetime.timezone.utc
LONGEST = 80  # instants compared in one case


def value(rng, field):
    low, high = RANGES[field]
    number = rng.randint(low, high)
    if field == 3 and rng.random() < 0.4:
        name = MONTHS[number - 1]
        return rng.choice([name, name.lower(), name.title()])
    if field == 4:
        if rng.random() < 0.4:
            name = WEEKDAYS[number]
            return rng.choice([name, name.lower(), name.title()])
        if number == 0 and rng.random() < 0.5:
            return "7"
    return f"0{number}" if number < 10 and rng.random() < 0.1 else str(number)


def item(rng, field):
    shape = rng.random()
    size = RANGES[field][1] - RANGES[field][0] + 1
    step = rng.choice([1, 2, 3, 5, 7, 15, rng.randint(1, size + 5)])
    if shape < 0.15:
        return f"*/{step}"
    if shape < 0.45:
        return value(rng, field)
    if shape < 0.60:
        return f"{value(rng, field)}-{value(rng, field)}"
    if shape < 0.80:
        return f"{value(rng, field)}-{value(rng, field)}/{step}"
    if shape < 0.90:
        return f"{value(rng, field)}/{step}"
    if field == 2:
        return rng.choice(["L", "l", f"{rng.randint(1, 30)}-L", f"{rng.randint(1, 30)}-L/{step}"])
    return "*" if rng.random() < 0.3 else value(rng, field)


def expression(rng):
    fields = []
    for field in range(5):
        if rng.random() < (0.25 if field < 2 else 0.5):
            text = rng.choice("*?") if field in (2, 4) and rng.random() < 0.2 else "*"
        else:
            count = rng.choice([1, 1, 1, 2, 3])
            items = [item(rng, field) for _ in range(count)]
            # croniter takes L beside thirty other days for a bare *: a slip of its, left out.
            if field == 2 and count > 1:
                items = [part for part in items if "l" not in part.lower()] or ["L"]
            text = ",".join(items)
        fields.append(text)
    if rng.random() < 0.03:
        return rng.choice(["@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly",
                           "@annually", "@DAILY"])
    return rng.choice([" ", "  ", "\v"]).join(fields) if rng.random() < 0.1 else " ".join(fields)


def expected(text, start, end):
    """croniter's instants of [start, end): at most LONGEST, and where they were cut."""
    instants = []
    schedule = croniter(text, datetime.datetime.fromtimestamp(start - 60, UTC),
                        ret_type=datetime.datetime)
    while len(instants) < LONGEST:
        at = int(schedule.get_next().timestamp())
        if at >= end:
            return instants, end
        if at >= start:
            instants.append(at)
    return instants, instants[-1] + 60


REFUSED = ["", "*", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *",
           "* * 32 * *", "* * * 0 *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "a * * * *",
           "1,,2 * * * *", ",1 * * * *", "1, * * * *", "1- * * * *", "-1 * * * *", "1--2 * * * *",
           "1/ * * * *", "/5 * * * *", "1/2/3 * * * *", "1-2-3 * * * *", "*-5 * * * *",
           "5-* * * * *", "** * * * *", "*5 * * * *", "*/* * * * *", "? * * * *", "* ? * * *",
           "* * ?,1 * *", "* * * FOO *", "* * * * JAN", "* * * SUN *", "* * MON * *", "@never",
           "1.5 * * * *", "+5 * * * *", "0x5 * * * *", "5-70 * * * *", "99999999999999999999 * * * *",
           "L * * * *", "* * L/2 * *", "* * L-5 * *", "JANUARY * * * *", "* * * JAN/FEB *",
           "H * * * *", "*/-5 * * * *", "1-5/-1 * * * *", "1 2 3 4 5 6 7 8", "0 0 30 2 *",
           "0 0 31 2,4,6,9,11 *"]
# We refuse these, although croniter takes them: out of range, or more than cron's five fields say.
STRICTER = ["* * * * * *", "* * * * * * *", "* * 0-0 * *", "* * 5-0 * *", "* * * 3-0 *", "* * * * * 30", "0 0 * * MON#2",
            "0 0 * * L5", "0 0 15W * *", "R * * * *"]


def main():
    seed = int(os.environ.get("CRON_ORACLE_SEED", random.SystemRandom().randrange(1 << 32)))
    cases = int(os.environ.get("CRON_ORACLE_CASES", "4000"))
    print(f"seed {seed}, {cases} expressions")
    rng = random.Random(seed)
    asked, answers = [], []
    compared = 0
    while len(asked) < cases:
        text = expression(rng)
        start = rng.randint(0, 2_200_000_000)
        end = start + rng.choice([3600, 86400, 7 * 86400, 60 * 86400, 1000 * 86400])
        try:
            want, end = expected(text, start, end)
        except Exception as error:  # whatever croniter throws, it names no instants
            want = f"{type(error).__name__}: {error}"
        if isinstance(want, list):
            compared += len(want)
        asked.append(f"{text}\tUTC\t{start}\t{end}")
        answers.append(want)
    for text in REFUSED:
        try:
            croniter(text, 0.0).get_next()
            sys.exit(f"croniter takes {text!r}: it belongs among STRICTER")
        except ValueError:
            pass
    refused = [f"{text}\tUTC\t0\t86400" for text in REFUSED + STRICTER]
    reply = subprocess.run([sys.argv[1]], input="\n".join(asked + refused) + "\n", text=True,
                           capture_output=True, check=True).stdout.split("\n")[:-1]
    faults = []
    if len(reply) != len(asked) + len(refused):
        sys.exit(f"{len(reply)} answers to {len(asked) + len(refused)} questions")
    for question, want, line in zip(asked, answers, reply):
        got = [int(word) for word in line.split()[1:]] if line.startswith("ok") else line
        if isinstance(want, list) and got != want:
            faults.append(f"{question!r}\n  croniter {want[:5]} of {len(want)}\n  tapedeck "
                          f"{got[:5] if isinstance(got, list) else got}")
        if isinstance(want, str) and isinstance(got, list) and got:
            faults.append(f"{question!r}\n  croniter {want}\n  tapedeck {got[:5]}")
    for question, line in zip(refused, reply[len(asked):]):
        if not line.startswith("error "):
            faults.append(f"{question!r} should be refused: {line}")
    print("\n".join(faults[:20]))
    unknown = sum(isinstance(want, str) for want in answers)
    print(f"{compared} instants compared, {unknown} expressions that croniter refuses, "
          f"{len(refused)} that must be refused, {len(faults)} differences")
    sys.exit(1 if faults or compared < cases else 0)


main()
