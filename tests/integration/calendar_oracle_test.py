"""Compares every session of the shipped calendars, open, close and break to the second, with
exchange-calendars: the listed years, and the rules, where they say all, for the years after and for
the listed ones themselves."""
import dataclasses
import subprocess
import sys

import exchange_calendars
import pandas

FIRST, LAST = "2010-01-01", "2037-12-31"


@dataclasses.dataclass
class Shipped:
    listed: str  # the last day that is listed
    # What no rule can know, or holds for some years alone; none: the rules do not say all.
    unforeseen: set = None
    breaks_from: str = None  # since when exchange-calendars has the break of that time


AMERICAN = {"2012-10-29", "2012-10-30", "2018-12-05", "2025-01-09"}
# Weddings, jubilees and funerals of the royal house, the days that were moved for them, and the 75th
# anniversary of the end of the war.
BRITISH = {"2011-04-29", "2012-05-28", "2012-06-04", "2012-06-05", "2020-05-04", "2020-05-08",
           "2022-05-30", "2022-06-02", "2022-06-03", "2022-09-19", "2023-05-08"}
CALENDARS = {
    "XNAS": Shipped("2028-12-31", AMERICAN),
    "XNYS": Shipped("2028-12-31", AMERICAN),
    "XLON": Shipped("2028-12-31", BRITISH),
    "XETR": Shipped("2028-12-31", {"2017-10-31"}),  # 500 years of the Reformation
    "XPAR": Shipped("2028-12-31", set()),
    "XTKS": Shipped("2037-12-31", None, "2011-11-21"),
    "XHKG": Shipped("2030-12-31", None, "2012-03-05"),
}


def ask(*arguments):
    lines = subprocess.run([sys.argv[1], *arguments], text=True, capture_output=True,
                           check=True).stdout.splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines}


def seconds(times):
    return {str(day.date()): str(int(at.timestamp())) for day, at in times.items()
            if at is not pandas.NaT}


def compare(name, shipped):
    calendar = exchange_calendars.get_calendar(name, start=FIRST, end=LAST)
    opens, closes = seconds(calendar.opens), seconds(calendar.closes)
    pauses, resumes = seconds(calendar.break_starts), seconds(calendar.break_ends)
    faults = []
    sessions = ask(name, FIRST, shipped.listed)
    for day, got in sessions.items():
        want = [opens[day], closes[day]] if day in opens else []
        # A break that begins where an early close is has no afternoon behind it.
        if day in pauses and pauses[day] < closes[day]:
            want = [opens[day], pauses[day], resumes[day], closes[day]]
        if shipped.breaks_from is None or day < shipped.breaks_from:
            got, want = [*got[:1], *got[-1:]], [*want[:1], *want[-1:]]
        if got != want:
            faults.append(f"{name} {day}: exchange-calendars {want}, tapedeck {got}")
    early = {str(day.date()): f"{calendar.closes[day].tz_convert(calendar.tz):%H:%M}"
             for day in calendar.early_closes}
    if shipped.unforeseen is not None:
        faults += compare_rules(name, shipped.unforeseen, opens, early)
    print(f"{name}: {len(sessions)} days, {len(opens)} sessions, {len(early)} early closes, "
          f"{len(faults)} differences")
    return faults


def compare_rules(name, unforeseen, opens, early):
    """The rules alone, also over the years that are listed: they would have foretold them."""
    rules = ask(name, FIRST, LAST, "rules")
    for day in (str(each.date()) for each in pandas.bdate_range(FIRST, LAST)):
        want = "closed" if day not in opens else early.get(day, "regular")
        if rules[day] != [want] and day not in unforeseen:
            yield f"{name} {day}: exchange-calendars {want}, the rules {rules[day]}"


faults = [fault for name, shipped in CALENDARS.items() for fault in compare(name, shipped)]
print("\n".join(faults[:40]))
sys.exit(1 if faults else 0)
