"""Nothing of the database may be felt in an answer: announces while it works, is stopped, hangs.

The load is moderate, so that time is spent on answering and not in queues, and announces change
what is known, so that there is much to write. The database's states take turns in each run; when
it is back, the next run waits until it has caught up."""

import sys
import time

from .common import say
from .measuring import Case, errors_of, measure, middle
from .report import Part, table
from .servers import start_btrt

TITLE = "announce, kept alive, 64 connections, 3,000/s"
CASE = Case("database", TITLE, "announce-changing", 64)
# Of one connection between two announces, in milliseconds: 64 make about 3,000 a second.
PAUSE = 20
# Seconds of CPU time in a second of a server that has nothing to write.
QUIET = 0.05


def measure_database(bench):
    options, workload = bench.options, bench.workload()
    say("starting and filling btrt with mariadb")
    btrt = start_btrt(bench.folder / "database", workload, database="mariadb")
    mariadb = btrt.mariadb
    states = [
        ("works", lambda: None, lambda: None),
        ("is stopped", mariadb.stop, mariadb.start),
        ("hangs", mariadb.hang, mariadb.go_on),
    ]
    results = {}
    try:
        measure(CASE, btrt, workload, options.seconds, PAUSE)
        for number in range(1, options.runs + 1):
            say(f"{CASE.title}: run {number} of {options.runs}")
            for state, begin, end in states:
                begin()
                sample = measure(CASE, btrt, workload, options.seconds, PAUSE)
                end()
                results.setdefault(state, []).append(sample)
                wait_until_caught_up(btrt)
    finally:
        btrt.stop()
    return Part(text=["## While the database works, is stopped, hangs", table_of(results)])


def wait_until_caught_up(btrt):
    """An outage that was told is told to be over, and what waited has been written."""
    deadline = time.monotonic() + 120
    while btrt.log().count("does not work") > btrt.log().count("works again"):
        if time.monotonic() > deadline:
            sys.exit("btrt does not find its database again")
        time.sleep(0.2)
    quiet = False
    while not quiet:
        before = sum(btrt.cpu_seconds())
        time.sleep(1)
        quiet = sum(btrt.cpu_seconds()) - before < QUIET


def table_of(results):
    """How long an answer takes, in microseconds, beside one with a database that works."""
    percentiles = ["p50", "p99", "p99.9"]
    names = [name for figure in percentiles for name in (f"{figure} µs", "ratio")]
    rows = []
    for state, samples in results.items():
        row = [state, f"{middle(samples, 'rate'):,.0f}"]
        for figure in percentiles:
            took, base = middle(samples, figure), middle(results["works"], figure)
            row += [f"{took * 1000:.0f}", f"{took / base:.2f}"]
        rows.append([*row, str(errors_of(samples))])
    return table(["the database", "requests/s", *names, "errors"], rows)
