"""A run of wrk against a server, and what comes of several."""

import json
import subprocess
import sys
from dataclasses import dataclass
from statistics import median

from .common import LOAD_CORE, ROOT, run


@dataclass
class Case:
    name: str
    title: str
    requests: str
    connections: int
    depth: int = 1
    opentracker: bool = False


def load(case, server, workload, seconds, pause=0):
    return [
        "taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{case.connections}", f"-d{seconds}s",
        "-s", ROOT / "benches" / "replay.lua", f"http://127.0.0.1:{server.port}",
        "--", workload.folder / case.requests, case.depth, pause,
    ]


def measure(case, server, workload, seconds, pause=0, beneath=()):
    """Microseconds of CPU time for a request; of answer times, milliseconds."""
    before = server.cpu_seconds()
    command = [*beneath, *load(case, server, workload, seconds, pause)]
    result = run(*command, capture_output=True, text=True)
    user, system = (after - b for after, b in zip(server.cpu_seconds(), before))
    seen = told_by_wrk(result.stdout)
    requests = seen["requests"]
    if requests == 0:
        sys.exit(f"{server.name} answered nothing: {result.stdout}")
    return {
        **seen,
        "busy": (user + system) / seen["seconds"],
        "user": user / requests * 1e6,
        "system": system / requests * 1e6,
        "cpu": (user + system) / requests * 1e6,
        "counters": result.stderr,
    }


def told_by_wrk(output):
    seen = json.loads(output.splitlines()[-1])
    errors = {kind: seen[kind] for kind in ("connect", "read", "write", "timeout", "status")}
    return {
        "requests": seen["requests"],
        "seconds": seen["seconds"],
        "rate": seen["requests"] / seen["seconds"],
        "bytes": seen["bytes"] / max(1, seen["requests"]),
        **{name: seen[name] / 1000 for name in ("p50", "p99", "p99.9", "max")},
        "errors": {kind: count for kind, count in errors.items() if count},
    }


def pause_for(rate, case, server, workload):
    """Of a connection between two requests, in milliseconds, so that `rate` of them a second come:
    found by trying, as wrk's clock is coarse."""
    wanted = pause = case.connections * 1000 / rate
    for _ in range(3):
        seen = measure(case, server, workload, 1, pause)
        took = case.connections * 1000 / seen["rate"]
        # A slow moment of the machine is no reason to go much faster.
        pause = min(wanted, max(0.7 * wanted, pause + wanted - took))
    return round(pause, 2)


def middle(samples, figure):
    return median(sample[figure] for sample in samples)


def errors_of(samples):
    return sum(sum(sample["errors"].values()) for sample in samples)


def hardware_counters(pid):
    """The beginning of a command that also counts a process's cache misses, if that works."""
    begin = ["perf", "stat", "-x", ",", "-e", "cache-misses,dTLB-load-misses"]
    try:
        seen = subprocess.run([*begin, "true"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return None if "<not" in seen.stderr else [*begin, "-p", str(pid)]


def misses(sample):
    """By name, for a request."""
    lines = (line.split(",") for line in sample["counters"].splitlines())
    counted = {words[2]: words[0] for words in lines if len(words) > 2 and words[0].isdigit()}
    return {name: int(count) / sample["requests"] for name, count in counted.items()}
