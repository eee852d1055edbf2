"""BTRT beside the floor and opentracker: CPU time of a request."""

from .common import say
from .measuring import Case, measure, middle
from .report import Part, table
from .servers import start_btrt, start_other

CASES = [
    Case("kept64", "announce, kept alive, 64 connections", "announce-kept", 64, 1, True),
    Case("kept1000", "announce, kept alive, 1,000 connections", "announce-kept", 1000, 1, True),
    Case("close", "announce, connection each, 64 at once", "announce-close", 64, 1, True),
    Case("pipelined", "announce, 8 deep, 64 connections", "announce-kept", 64, 8),
    Case("scrape", "scrape of one hash, kept alive, 64 connections", "scrape-kept", 64, 1, True),
]
SERVERS = ["floor", "btrt", "opentracker"]

# What BTRT may cost, at most, in CPU times of the floor and of opentracker.
LIMITS = {
    "kept64": {"floor": 1.3, "opentracker": 0.85},
    "kept1000": {"floor": 1.3, "opentracker": 0.85},
    "close": {"floor": 1.1, "opentracker": 0.82},
    "pipelined": {"floor": 2},
    "scrape": {"floor": 1.15},
}


def compare(bench):
    options, workload = bench.options, bench.workload()
    results, memory, servers = {}, {}, []
    try:
        for name in options.servers:
            say(f"starting and filling {name}")
            if name == "btrt":
                folder = bench.folder / "compared"
                server = start_btrt(folder, workload, database=options.database)
            else:
                server = start_other(name, workload, bench.opentracker)
            servers.append(server)
        for case in (case for case in CASES if case.name in options.cases):
            takers = [server for server in servers if takes_part(server, case)]
            for server in takers:
                measure(case, server, workload, 1)
            for number in range(1, options.runs + 1):
                say(f"{case.title}: run {number} of {options.runs}")
                for server in takers:
                    sample = measure(case, server, workload, options.seconds)
                    results.setdefault((case.name, server.name), []).append(sample)
        memory = {server.name: server.resident_mebibytes() for server in servers}
    finally:
        for server in servers:
            server.stop()
    return report(results, memory)


def takes_part(server, case):
    if server.name == "opentracker" and not case.opentracker:
        return False
    return server.keeps_alive or case.requests == "announce-close"


def report(results, memory):
    part = Part()
    for case in CASES:
        for base, limit in LIMITS[case.name].items():
            if text := ratio(results, case.name, "btrt", base):
                what, target = f"{case.title}: CPU", f"≤ {limit} × {base}"
                part.target(what, target, text, float(text) <= limit)
    header = [
        "case", "server", "CPU µs", "(min to max)", "user", "system", "x floor",
        "x opentracker", "requests/s", "busy", "bytes", "p50 ms", "p99 ms", "p99.9 ms",
    ]
    rows = [
        [case.title, server, *figures(results, case.name, server)]
        for case in CASES
        for server in SERVERS
        if (case.name, server) in results
    ]
    part.text += ["## Beside others", table(header, rows, texts=2)]
    lines = [
        "CPU, user and system are the server's microseconds for one request; bytes are of an"
        " answer with its head; x is the ratio of the CPU times."
    ]
    sizes = [f"{name} {size:,.0f} MiB" for name, size in memory.items() if name != "floor"]
    if sizes:
        lines.append(f"Resident at the end: {', '.join(sizes)}.")
    for (case, server), samples in results.items():
        errors = [sample["errors"] for sample in samples if sample["errors"]]
        if errors:
            counts = ", ".join(f"{kind} {count}" for kind, count in errors[0].items())
            lines.append(f"Errors that wrk saw, {case}, {server}, first run with any: {counts}.")
    part.text.append("\n".join(lines))
    return part


def figures(results, case, server):
    samples = results[case, server]
    cpu = [sample["cpu"] for sample in samples]
    # wrk measures a batch of pipelined requests but takes percentiles of single ones.
    times = [
        "" if case == "pipelined" else f"{middle(samples, figure):.2f}"
        for figure in ("p50", "p99", "p99.9")
    ]
    return [
        f"{middle(samples, 'cpu'):.2f}",
        f"{min(cpu):.2f} to {max(cpu):.2f}",
        f"{middle(samples, 'user'):.2f}",
        f"{middle(samples, 'system'):.2f}",
        ratio(results, case, server, "floor"),
        ratio(results, case, server, "opentracker"),
        f"{middle(samples, 'rate'):,.0f}",
        f"{middle(samples, 'busy'):.0%}",
        f"{middle(samples, 'bytes'):.0f}",
        *times,
    ]


def ratio(results, case, server, base):
    if base == server or (case, base) not in results or (case, server) not in results:
        return ""
    return f"{middle(results[case, server], 'cpu') / middle(results[case, base], 'cpu'):.2f}"
