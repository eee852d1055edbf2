"""Whether announces that wait for an external tracker slow the others down.

Two wrk go at the same time: one with 9,800 forwarded announces a second that are answered at once,
one with 200 a second. Those of the second are of torrents of which the network has no peers, so
that a tracker is asked which takes 50 ms; or, to compare with, they are answered at once as well.
The tracker runs on wrk's core."""

import subprocess

from .common import say
from .measuring import Case, errors_of, load, measure, middle, pause_for, told_by_wrk
from .report import Part, table
from .servers import ExternalTracker, start_btrt

MOST = Case("forwarded", "9,800 a second, answered at once", "forwarded", 128)
FEW = Case("forwarded", "200 a second, answered at once", "forwarded", 20)
FETCHED = Case("forwarded", "200 a second, fetched", "forwarded-fetched", 20)
MOST_RATE, FEW_RATE = 9800, 200
# Milliseconds between two announces of a connection, of which 50 are the tracker's with the last.
FEW_PAUSE, FETCHED_PAUSE = FEW.connections * 1000 / FEW_RATE, FEW.connections * 1000 / FEW_RATE - 50
# Up to here two of these times are the same.
LIMIT = 1.15

# Each run begins with the same torrents, which are to be asked for each time.
SETTINGS = f"""\
forwarded_announce:
  allow_from: ["127.0.0.1"]
  allow_private_targets: ["{ExternalTracker.ADDRESS}"]
  refresh_interval: 1
workers:
  threads: 32
  per_host: 32
"""


def measure_forwarded(bench):
    options, workload = bench.options, bench.workload()
    tracker = ExternalTracker()
    results = {}
    try:
        workload.write_forwarded(tracker.name)
        say("starting and filling btrt for forwarded announces")
        btrt = start_btrt(bench.folder / "forwarded", workload, settings=SETTINGS)
        try:
            pause = pause_for(MOST_RATE, MOST, btrt, workload)
            for number in range(1, options.runs + 1):
                say(f"forwarded: run {number} of {options.runs}")
                for few, few_pause in ((FEW, FEW_PAUSE), (FETCHED, FETCHED_PAUSE)):
                    samples = measure_both(few, few_pause, btrt, workload, options.seconds, pause)
                    results.setdefault(few.title, []).append(samples)
        finally:
            btrt.stop()
    finally:
        tracker.stop()
    return report(results)


def measure_both(few, few_pause, btrt, workload, seconds, pause):
    beside = load(few, btrt, workload, seconds, few_pause)
    beside = subprocess.Popen(map(str, beside), stdout=subprocess.PIPE, text=True)
    try:
        most = measure(MOST, btrt, workload, seconds, pause)
        output, _ = beside.communicate()
    finally:
        beside.kill()
    return most, told_by_wrk(output)


def report(results):
    part = Part()
    rows, p99 = [], {}
    for title, pairs in results.items():
        for case, samples in ((MOST.title, [p[0] for p in pairs]), (title, [p[1] for p in pairs])):
            times = [f"{middle(samples, figure):.2f}" for figure in ("p50", "p99", "p99.9")]
            slowest = max(sample["max"] for sample in samples)
            rate, errors = f"{middle(samples, 'rate'):,.0f}", str(errors_of(samples))
            rows.append([title, case, rate, *times, f"{slowest:.2f}", errors])
        p99[title] = middle([pair[0] for pair in pairs], "p99")
    ratio = p99[FETCHED.title] / p99[FEW.title]
    part.target(
        "10,000 forwarded announces a second, 2 % of them fetched: p99 of the others",
        f"as without (≤ {LIMIT} ×)",
        f"{p99[FETCHED.title]:.2f} ms, without {p99[FEW.title]:.2f}: {ratio:.2f}",
        round(ratio, 2) <= LIMIT,
    )
    header = ["beside", "answer times of", "announces/s", "p50 ms", "p99 ms", "p99.9 ms", "max ms"]
    part.text += ["## Forwarded announces", table([*header, "errors"], rows, texts=2)]
    return part
