"""What more of everything costs: another database, more prefixes, more peers."""

from .common import say
from .measuring import Case, hardware_counters, measure, middle, misses
from .report import Part, table
from .servers import start_btrt
from .workload import write_prefixes

CASE = Case("variants", "announce, kept alive, 64 connections", "announce-kept", 64)
MORE_PREFIXES = 1_000_000
# More peers are more swarms of the same sizes: those of one large swarm are `parts`' matter.
COPIES = 5
LIMIT = 1.15


def measure_variants(bench):
    options, base = bench.options, bench.workload()
    more_prefixes = bench.folder / "more-prefixes"
    more_prefixes.mkdir()
    write_prefixes(more_prefixes, MORE_PREFIXES)
    more_peers = bench.workload(copies=COPIES)
    variants = {
        "base, SQLite": (base, {}),
        "MariaDB": (base, {"database": "mariadb"}),
        f"{MORE_PREFIXES:,} prefixes": (base, {"prefixes": more_prefixes}),
        f"{more_peers.peers:,} peers in {more_peers.torrents:,} swarms": (more_peers, {}),
    }
    servers, results, counted = {}, {}, {}
    try:
        for number, (name, (workload, keywords)) in enumerate(variants.items()):
            say(f"starting and filling btrt: {name}")
            folder = bench.folder / f"variant{number}"
            servers[name] = start_btrt(folder, workload, **keywords)
            measure(CASE, servers[name], workload, 1)
        for number in range(1, options.runs + 1):
            say(f"variants: run {number} of {options.runs}")
            for name, server in servers.items():
                sample = measure(CASE, server, server.workload, options.seconds)
                results.setdefault(name, []).append(sample)
        for name, server in servers.items():
            if beneath := hardware_counters(server.process.pid):
                sample = measure(CASE, server, server.workload, options.seconds, 0, beneath)
                counted[name] = misses(sample)
    finally:
        for server in servers.values():
            server.stop()
    return report(results, counted)


def report(results, counted):
    part = Part()
    base = middle(next(iter(results.values())), "cpu")
    rows = []
    for name, samples in results.items():
        cpu = [sample["cpu"] for sample in samples]
        ratio = middle(samples, "cpu") / base
        if rows:
            what = f"announce with {name}: CPU"
            part.target(what, f"≤ {LIMIT} × base", f"{ratio:.2f}", round(ratio, 2) <= LIMIT)
        rows.append([
            name, f"{middle(samples, 'cpu'):.2f}", f"{min(cpu):.2f} to {max(cpu):.2f}",
            f"{middle(samples, 'user'):.2f}", f"{middle(samples, 'system'):.2f}",
            f"{ratio:.2f}", f"{middle(samples, 'rate'):,.0f}",
            ", ".join(f"{event} {count:.1f}" for event, count in counted.get(name, {}).items()),
        ])
    header = ["with", "CPU µs", "(min to max)", "user", "system", "x base", "requests/s", "misses"]
    part.text += [f"## More of everything: {CASE.title}", table(header, rows)]
    if not any(counted.values()):
        part.text.append("Misses: no hardware counters here (`perf stat` has none to show).")
    return part
