"""Decimal gives what Python's decimal module gives, or refuses where 38 digits do not hold it.

against_python.py DECIMAL_LINES [SEED]
"""
import decimal
import random
import re
import subprocess
import sys

DIGITS = 38
GRAMMAR = re.compile(r"[+-]?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
MODES = {
    "half_even": decimal.ROUND_HALF_EVEN,
    "half_up": decimal.ROUND_HALF_UP,
    "down": decimal.ROUND_DOWN,
    "up": decimal.ROUND_UP,
    "floor": decimal.ROUND_FLOOR,
    "ceiling": decimal.ROUND_CEILING,
}
exact = decimal.Context(prec=400, Emax=10**9, Emin=-(10**9), traps=[decimal.Inexact])
narrow = decimal.Context(prec=DIGITS, Emax=10**9, Emin=-(10**9), traps=[decimal.Inexact])


def plain(value):
    """The text of a value: all digits, no exponent, no sign at zero. None where it does not fit."""
    sign, digits, exponent = value.as_tuple()
    number = int("".join(map(str, digits)) or "0")
    if exponent > 0:
        if number and exponent > DIGITS:
            return None
        number, exponent = number * 10 ** (exponent if number else 0), 0
    if len(str(number)) > DIGITS or -exponent > DIGITS:
        return None
    text = str(number).rjust(1 - exponent, "0")
    if exponent:
        text = text[:exponent] + "." + text[exponent:]
    return "-" + text if sign and number else text


def expect_parse(text):
    if not GRAMMAR.fullmatch(text):
        return "malformed"
    return plain(exact.create_decimal(text)) or "rejected"


def expect_arithmetic(verb, left, right):
    operation = {"add": "add", "subtract": "subtract", "multiply": "multiply"}[verb]
    try:
        value = getattr(narrow, operation)(left, right)
    except decimal.Inexact:
        return "rejected"
    # The module drops zeros to keep to 38 digits, but knows no limit to the scale.
    while -value.as_tuple().exponent > DIGITS and value.as_tuple().digits[-1] == 0:
        value = exact.quantize(value, decimal.Decimal(1).scaleb(value.as_tuple().exponent + 1))
    return plain(value) or "rejected"


def expect_round(mode, scale, value):
    unlimited = decimal.Context(prec=400, rounding=MODES[mode])
    return plain(unlimited.quantize(value, decimal.Decimal(1).scaleb(-scale))) or "rejected"


def number(chance):
    """A number of our grammar that 38 digits hold."""
    digits = str(chance.randrange(10 ** chance.randrange(0, DIGITS + 1)))
    if chance.random() < 0.3:
        digits = (digits.rstrip("0") + "0" * chance.randrange(12))[:DIGITS] or "0"
    scale = chance.randrange(0, DIGITS + 1)
    return chance.choice(["", "-"]) + plain(decimal.Decimal(digits).scaleb(-scale, exact))


def cases(chance):
    for _ in range(3000):
        text = number(chance)
        if chance.random() < 0.4:
            text += chance.choice("eE") + chance.choice(["", "+", "-"]) + str(chance.randrange(60))
        yield f"parse {text}", expect_parse(text)
        text = "".join(chance.choice("0123456789.eE+-,") for _ in range(chance.randrange(1, 9)))
        yield f"parse {text}", expect_parse(text)
    for _ in range(3000):
        left, right = number(chance), number(chance)
        a, b = decimal.Decimal(left), decimal.Decimal(right)
        for verb in ("add", "subtract", "multiply"):
            yield f"{verb} {left} {right}", expect_arithmetic(verb, a, b)
        if chance.random() < 0.5:
            right = left + ("0" if "." in left and len(left) < 30 else "")
            b = decimal.Decimal(right)
        order = ["less", "equal", "greater"][int(exact.compare(a, b)) + 1]
        yield f"compare {left} {right}", order
        mode, scale = chance.choice(list(MODES)), chance.randrange(0, DIGITS + 1)
        yield f"round {mode} {scale} {left}", expect_round(mode, scale, a)
        tie = f"{chance.randrange(-500, 500)}.5"
        yield f"round {mode} 0 {tie}", expect_round(mode, 0, decimal.Decimal(tie))


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32)
    print(f"seed {seed}")
    asked = list(cases(random.Random(seed)))
    text = "".join(line + "\n" for line, _ in asked)
    run = subprocess.run([sys.argv[1]], input=text, capture_output=True, text=True, check=True)
    answers = run.stdout.splitlines()
    wrong = [
        f"{line}: {answer}, Python: {expected}"
        for (line, expected), answer in zip(asked, answers, strict=True)
        if answer != expected
    ]
    kinds = {kind: sum(e == kind for _, e in asked) for kind in ("malformed", "rejected")}
    print(f"{len(asked)} cases, of them {kinds}; {len(wrong)} differ", *wrong[:20], sep="\n")
    # Cases that are all refused would show nothing.
    return 1 if wrong or sum(kinds.values()) > len(asked) / 2 else 0


sys.exit(main())
