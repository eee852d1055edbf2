"""What all parts of the benchmark use: where things are, and running commands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RELEASE = TARGET / "release"
CACHE = TARGET / "bench"

SERVER_CORE, LOAD_CORE = "0", "1"

# Where populate's connections come from, see there.
TRUSTED = "127.0.0.2"


def say(text):
    print(f"# {text}", file=sys.stderr, flush=True)


def run(*command, **keywords):
    return subprocess.run([str(word) for word in command], check=True, **keywords)


def first_line(*command):
    # wrk prints its version with its usage and a failure code.
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return result.stdout.splitlines()[0].strip()


def revision():
    """What the tree holds, to be asked before it goes on."""
    command = ["git", "describe", "--always", "--dirty"]
    return run(*command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def cargo():
    path = shutil.which("cargo") or os.path.expanduser("~/.cargo/bin/cargo")
    if not os.path.exists(path):
        sys.exit("cargo is missing: see README.md for the Rust that is needed")
    return path
