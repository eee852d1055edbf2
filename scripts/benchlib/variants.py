"""What more of everything costs: another database, more prefixes, more swarms, larger swarms."""

from .common import say
from .measuring import Case, hardware_counters, measure, middle, misses
from .report import Part, table
from .servers import start_btrt
from .workload import write_prefixes

CASE = Case("variants", "announce, kept alive, 64 connections", "announce-kept", 64)
MORE_PREFIXES = 1_000_000
# More peers are more swarms of the same sizes: larger ones are a case of their own.
COPIES = 5
LIMIT = 1.15

# As many swarms and askers of either size, so that only the size differs.
SIZES, SIZE_SWARMS, SIZE_LIMIT = (100, 100_000), 10, 1.1


def measure_variants(bench):
    base = bench.workload()
    more_prefixes = bench.folder / "more-prefixes"
    more_prefixes.mkdir()
    write_prefixes(more_prefixes, MORE_PREFIXES)
    more_peers = bench.workload(copies=COPIES)
    return measure_each(bench, "More of everything", LIMIT, {
        "SQLite": (base, {}),
        "MariaDB": (base, {"database": "mariadb"}),
        f"{MORE_PREFIXES:,} prefixes": (base, {"prefixes": more_prefixes}),
        f"{more_peers.peers:,} peers in {more_peers.torrents:,} swarms": (more_peers, {}),
    })


def measure_sizes(bench):
    return measure_each(bench, "Larger swarms", SIZE_LIMIT, {
        f"{SIZE_SWARMS} swarms of {size:,}": (
            bench.workload(torrents=SIZE_SWARMS, peers=SIZE_SWARMS * size, power=0), {}
        )
        for size in SIZES
    })


def measure_each(bench, title, limit, variants):
    """The first of them is what the others may cost `limit` times as much as."""
    options = bench.options
    servers, results, counted = {}, {}, {}
    try:
        for name, (workload, keywords) in variants.items():
            say(f"starting and filling btrt: {name}")
            folder = bench.folder / f"{title}, {name}".replace(" ", "-")
            servers[name] = start_btrt(folder, workload, **keywords)
            measure(CASE, servers[name], workload, 1)
        for number in range(1, options.runs + 1):
            say(f"{title}: run {number} of {options.runs}")
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
    return report(title, limit, results, counted)


def report(title, limit, results, counted):
    part = Part()
    base_name = next(iter(results))
    base = middle(results[base_name], "cpu")
    rows = []
    for name, samples in results.items():
        cpu = [sample["cpu"] for sample in samples]
        ratio = middle(samples, "cpu") / base
        if rows:
            what = f"announce: CPU with {name} against {base_name}"
            part.target(what, f"≤ {limit} ×", f"{ratio:.2f}", round(ratio, 2) <= limit)
        rows.append([
            name, f"{middle(samples, 'cpu'):.2f}", f"{min(cpu):.2f} to {max(cpu):.2f}",
            f"{middle(samples, 'user'):.2f}", f"{middle(samples, 'system'):.2f}",
            f"{ratio:.2f}", f"{middle(samples, 'rate'):,.0f}",
            ", ".join(f"{event} {count:.1f}" for event, count in counted.get(name, {}).items()),
        ])
    header = ["with", "CPU µs", "(min to max)", "user", "system", "x first", "requests/s", "misses"]
    part.text += [f"## {title}: {CASE.title}", table(header, rows)]
    if not any(counted.values()):
        part.text.append("Misses: no hardware counters here (`perf stat` has none to show).")
    return part
