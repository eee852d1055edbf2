"""What was found, as Markdown."""

import datetime
import os
import platform
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

from .common import ROOT, cargo, first_line, revision


@dataclass
class Part:
    """What one of the cases found: lines of targets, and a piece of text with all figures."""

    targets: list = field(default_factory=list)
    text: list = field(default_factory=list)

    def target(self, what, target, measured, met):
        self.targets.append([what, target, measured, "yes" if met else "**no**"])


class Report:
    def __init__(self, options, opentracker):
        self.options, self.opentracker = options, opentracker
        self.load_average = os.getloadavg()[0]
        self.parts = []

    def text(self):
        parts = ["\n".join(self.surroundings())]
        targets = [line for part in self.parts for line in part.targets]
        if targets:
            parts.append(table(["what", "target", "measured", "met"], targets, numbers=False))
        parts += [block for part in self.parts for block in part.text]
        return "\n\n".join(parts)

    def write_note(self):
        how = "; `benches/README.md` says how it is measured"
        return write_note("bench", self.options.note, how, self.text())

    def surroundings(self):
        options = self.options
        rustc = Path(cargo()).with_name("rustc")
        lines = [
            f"- BTRT: {revision()}, database {options.database} if nothing else is said",
            f"- machine: {os.cpu_count()} x {cpu_model()}, Linux {platform.release()},"
            f" load average before {self.load_average:.2f}",
            f"- {first_line(rustc, '--version')}, {first_line('wrk', '-v').split(' Copyright')[0]}",
            f"- workload if nothing else is said: {options.torrents:,} swarms, {options.peers:,}"
            f" peers, {options.prefixes:,} prefixes; medians of {options.runs} runs of"
            f" {options.seconds} s",
        ]
        if flags := os.environ.get("RUSTFLAGS"):
            # Where the tree is has nothing to do with it.
            lines[0] += f", built with `{flags.replace(str(ROOT), '$PWD')}`"
        if self.opentracker:
            lines.insert(1, f"- opentracker: {self.opentracker.description}")
        return lines


def write_note(script, name, how, text):
    """Keeps what a script has found under `benches`; `how` goes on behind its command line."""
    today = datetime.date.today().isoformat()
    path = ROOT / "benches" / f"{today}-{name}.md"
    title = f"# {name.replace('-', ' ').capitalize()}, {today}"
    command = shlex.join([f"scripts/{script}", *sys.argv[1:]])
    path.write_text(f"{title}\n\nMade by `{command}`{how}.\n\n{text}\n")
    return path.relative_to(ROOT)


def table(header, rows, numbers=True, texts=1):
    """Its columns behind the first `texts` are of numbers, or none is."""
    rule = ["---:" if numbers and column >= texts else "---" for column in range(len(header))]
    rows = [header, rule, *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = (
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
        for row in rows
    )
    return "\n".join(lines)


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(": ", 1)[1]
    return platform.machine()
