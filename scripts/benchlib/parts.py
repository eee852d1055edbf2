"""Pieces of the program: time of an announce inside it (criterion), memory of a peer, and how long
a daemon takes to load its peers."""

import json
import os
import time
import urllib.request
from urllib.error import URLError

from .common import RELEASE, SERVER_CORE, ROOT, run, say
from .report import Part, table
from .servers import start_btrt

INSIDE = "bytes to bytes in a swarm of/100"
LARGE, SMALL = "announce in a swarm of/100000", "announce in a swarm of/100"

# Bytes of a peer, by the size of its swarm.
MEMORY_LIMITS = {"5": 96, "100": 40, "1000": 40, "100000": 40}

START_PEERS, START_SECONDS = 1_000_000, 5
SCRAPE = "info_hash=" + "a" * 20


def executable(bench):
    """What `cargo bench --no-run` has made last."""
    files = (RELEASE / "deps").glob(f"{bench}-*")
    found = [path for path in files if os.access(path, os.X_OK) and not path.suffix]
    if not found:
        raise FileNotFoundError(f"{RELEASE}/deps/{bench}-*: not built")
    return max(found, key=lambda path: path.stat().st_mtime)


def measure_parts(bench):
    say("parts of an announce, by criterion")
    home = bench.folder / "criterion"
    times = ["--warm-up-time", "0.3", "--measurement-time", "0.7"] if bench.options.quick else []
    run(
        "taskset", "-c", SERVER_CORE, executable("announce"), "--bench", *times, cwd=ROOT,
        env={**os.environ, "CRITERION_HOME": str(home)}, capture_output=True,
    )
    found = {}
    for estimates in sorted(home.rglob("new/estimates.json"), key=lambda p: p.stat().st_mtime):
        name = json.loads(estimates.with_name("benchmark.json").read_text())["full_id"]
        found[name] = json.loads(estimates.read_text())["median"]["point_estimate"]
    part = Part()
    inside = found[INSIDE] / 1000
    part.target(
        "announce inside the program, parse to reply, swarm of 100", "≤ 0.6 µs",
        f"{inside:.2f} µs", inside <= 0.6,
    )
    ratio = found[LARGE] / found[SMALL]
    part.target(
        "announce inside the program, swarm of 100,000 against 100", "≤ 1.1 ×", f"{ratio:.2f}",
        round(ratio, 2) <= 1.1,
    )
    rows = [[name, f"{took:.0f}"] for name, took in found.items()]
    part.text += ["## Parts of a request (criterion, warm)", table(["what", "median ns"], rows)]
    return part


def measure_memory(_bench):
    say("memory of a peer")
    output = run(executable("memory"), cwd=ROOT, capture_output=True, text=True).stdout
    rows = [line.split() for line in output.splitlines()[1:]]
    part = Part()
    for family, swarm, size in rows:
        if family == "IPv4" and swarm in MEMORY_LIMITS:
            limit = MEMORY_LIMITS[swarm]
            what = f"memory of an IPv4 peer in swarms of {swarm}"
            part.target(what, f"≤ {limit} bytes", size, float(size) <= limit)
    header = ["family", "peers in a swarm", "bytes of a peer, all counted"]
    part.text += ["## Memory", table(header, rows)]
    return part


def measure_start(bench):
    """Peers in swarms of 200 in the mean; a request is made again and again meanwhile."""
    peers = START_PEERS // 5 if bench.options.quick else START_PEERS
    workload = bench.workload(torrents=peers // 200, peers=peers)
    part, rows = Part(), []
    for database in ("sqlite", "mariadb"):
        say(f"start with {database}")
        btrt = start_btrt(bench.folder / f"start-{database}", workload, database=database)
        try:
            btrt.stop_process()
            (btrt.folder / "btrt.log").unlink()
            begin = time.monotonic()
            btrt.start_process()
            btrt.wait_until_ready()
            serving = time.monotonic() - begin
            answers, slowest = 0, 0
            while "the database is loaded" not in btrt.log():
                asked = time.monotonic()
                answers += answers_scrape(btrt)
                slowest = max(slowest, time.monotonic() - asked)
                time.sleep(0.01)
            took = time.monotonic() - begin
            loaded = btrt.log().split("the database is loaded: ")[1].splitlines()[0]
        finally:
            btrt.stop()
        part.target(
            f"start: load of {peers:,} peers from {database}", f"≤ {START_SECONDS} s",
            f"{took:.2f} s", took <= START_SECONDS,
        )
        rows.append([
            database, loaded, f"{took:.2f}", f"{serving * 1000:.0f}", str(answers),
            f"{slowest * 1000:.1f}",
        ])
    header = ["database", "loaded", "seconds", "serving after ms", "answers", "slowest ms"]
    part.text += ["## Start, answering meanwhile", table(header, rows, texts=2)]
    return part


def answers_scrape(btrt):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{btrt.port}/scrape?{SCRAPE}") as answer:
            return answer.status == 200
    except URLError:
        return False
