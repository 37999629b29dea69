"""Compares every day of XNAS and XNYS, open and close to the second, with exchange-calendars:
the listed years, and the rules for the years after and for the listed ones themselves."""
import subprocess
import sys

import exchange_calendars

FIRST, LISTED, LAST = "2010-01-01", "2028-12-31", "2037-12-31"
# Closed for a reason that no rule can know.
UNFORESEEN = {"2012-10-29", "2012-10-30", "2018-12-05", "2025-01-09"}


def ask(*arguments):
    lines = subprocess.run([sys.argv[1], *arguments], text=True, capture_output=True,
                           check=True).stdout.splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def compare(name):
    calendar = exchange_calendars.get_calendar(name, start=FIRST, end=LAST)
    opens = {str(day.date()): str(int(at.timestamp())) for day, at in calendar.opens.items()}
    closes = {str(day.date()): str(int(at.timestamp())) for day, at in calendar.closes.items()}
    early = {str(day.date()) for day in calendar.early_closes}
    faults = []
    sessions = ask(name, FIRST, LAST)
    for day, got in sessions.items():
        want = [opens[day], closes[day]] if day in opens else []
        if got != want:
            faults.append(f"{name} {day}: exchange-calendars {want}, tapedeck {got}")
    # The rules alone, also over the years that are listed: they would have foretold them.
    rules = ask(name, FIRST, LAST, "rules")
    for day in (str(each.date()) for each in weekdays()):
        want = "closed" if day not in opens else "13:00" if day in early else "regular"
        if rules[day] != [want] and day not in UNFORESEEN:
            faults.append(f"{name} {day}: exchange-calendars {want}, the rules {rules[day]}")
    print(f"{name}: {len(sessions)} days, {len(opens)} sessions, {len(early)} early closes, "
          f"{len(faults)} differences")
    return faults


def weekdays():
    import pandas

    return pandas.bdate_range(FIRST, LAST)


faults = compare("XNAS") + compare("XNYS")
print("\n".join(faults[:20]))
sys.exit(1 if faults else 0)
