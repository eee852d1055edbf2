"""How long an answer takes at half of the full load, while all else goes on that ever does.

The first tenth of the peers arrive as slowly as the measurement is long, and the expiry is then set
(by a reload) so that they leave during it, at the pace at which they came. Announces change what is
known, so that there is much to write, which is done every second; and the configuration is read
again, with all its prefixes, every few seconds. Beside it stand the floor at the same pace, whose
answer times are those of wrk and of the machine, and BTRT with nothing else to do."""

import threading
import time
from contextlib import contextmanager

from .common import say
from .measuring import Case, errors_of, measure, middle, pause_for
from .report import Part, table
from .servers import start_btrt, start_other
from .workload import write_prefixes

COPIES = 5
PREFIXES = 1_000_000
QUIET = Case("busy", "announce, kept alive, 256 connections", "announce-kept", 256)
BUSY = Case("busy", QUIET.title, "announce-changing", 256)
# Seconds to the first reload in a run, and from one to the next.
FIRST_RELOAD, RELOADS = 0.5, 3
LIMITS = {"p99": 1, "p99.9": 3, "max": 20}


def measure_busy(bench):
    options, workload = bench.options, bench.workload(copies=COPIES)
    prefixes = bench.folder / "busy-prefixes"
    prefixes.mkdir()
    write_prefixes(prefixes, PREFIXES)
    results = {}
    say(f"starting and filling btrt with {workload.peers:,} peers, the first tenth slowly")
    floor = start_other("floor", workload)
    try:
        slow = options.runs * (options.seconds + 1)
        begin = time.monotonic()
        btrt = start_btrt(
            bench.folder / "busy", workload, "--slow-tenth", slow, prefixes=prefixes, flush=1
        )
        try:
            full = measure(QUIET, btrt, workload, options.seconds)["rate"]
            pause = pause_for(full / 2, QUIET, btrt, workload)
            for number in range(1, options.runs + 1):
                say(f"busy, nothing else going on: run {number} of {options.runs}")
                for name, server in (("floor", floor), ("btrt, nothing else going on", btrt)):
                    sample = measure(QUIET, server, workload, options.seconds, pause)
                    results.setdefault(name, []).append(sample)
            expiry = int(time.monotonic() - begin)
            times = f"interval: {expiry // 2}\n  peer_expiry_interval: {expiry}"
            btrt.configure(f"tracker:\n  {times}\n")
            before = btrt.peers()
            for number in range(1, options.runs + 1):
                say(f"busy: run {number} of {options.runs}")
                with reloads(btrt):
                    sample = measure(BUSY, btrt, workload, options.seconds, pause)
                results.setdefault("btrt, all going on", []).append(sample)
            expired = before - btrt.peers()
            reloaded = btrt.log().count("the new configuration is in force")
        finally:
            btrt.stop()
    finally:
        floor.stop()
    part = report(results, full)
    part.text.append(
        f"Meanwhile {expired:,} peers of {before:,} expired, and {reloaded} reloads of"
        f" {PREFIXES:,} prefixes were done."
    )
    return part


@contextmanager
def reloads(btrt):
    over = threading.Event()

    def go_on():
        wait = FIRST_RELOAD
        while not over.wait(wait):
            btrt.reload()
            wait = RELOADS

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def report(results, full):
    part = Part()
    rows = []
    for name, samples in results.items():
        times = {figure: middle(samples, figure) for figure in ("p50", "p99", "p99.9")}
        times["max"] = max(sample["max"] for sample in samples)
        rows.append([
            name, f"{middle(samples, 'rate'):,.0f}", f"{middle(samples, 'busy'):.0%}",
            *(f"{took:.2f}" for took in times.values()), str(errors_of(samples)),
        ])
    # The last is the one that all goes on beside.
    floor = {figure: middle(results["floor"], figure) for figure in ("p99", "p99.9")}
    floor["max"] = max(sample["max"] for sample in results["floor"])
    for figure, limit in LIMITS.items():
        measured = f"{times[figure]:.2f} ms (floor: {floor[figure]:.2f})"
        part.target(
            f"answer time at half of the full load, all going on: {figure}",
            f"< {limit} ms", measured, times[figure] < limit,
        )
    header = ["server", "requests/s", "busy", "p50 ms", "p99 ms", "p99.9 ms", "max ms", "errors"]
    part.text += [
        f"## At half of the full load of {full:,.0f} a second: {QUIET.title}", table(header, rows),
    ]
    return part
