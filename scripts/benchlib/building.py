"""Builds what is compared, and installs what is missing for that."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .common import CACHE, ROOT, cargo, run, say

PACKAGES = ["wrk", "util-linux", "build-essential", "dpkg-dev", "libowfat-dev", "zlib1g-dev"]
MARIADB_PACKAGE = "mariadb-server"

# WANT_IP_FROM_PROXY is how populate gives each peer its address; WANT_NO_AUTO_FREE only says that
# libowfat may be older than 0.34.
OPENTRACKER_FEATURES = "-DWANT_KEEPALIVE -DWANT_IP_FROM_PROXY -DWANT_NO_AUTO_FREE"

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def install_packages(with_mariadb):
    packages = [*PACKAGES, MARIADB_PACKAGE] if with_mariadb else PACKAGES
    known = run("dpkg-query", "-W", "-f", "${Package} ${Status}\\n", capture_output=True, text=True)
    installed = known.stdout.splitlines()
    missing = [p for p in packages if f"{p} install ok installed" not in installed]
    if not missing:
        return
    if os.geteuid() != 0:
        sys.exit(f"run this as root once, or install these packages: {' '.join(missing)}")
    run("apt-get", "update", "-qq", stdout=sys.stderr)
    run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing, stdout=sys.stderr)


def build_rust(benches):
    run(cargo(), "build", "--release", "--quiet", "--bins", "--examples", cwd=ROOT)
    for bench in benches:
        run(cargo(), "bench", "--quiet", "--no-run", "--bench", bench, cwd=ROOT)


@dataclass
class Opentracker:
    binary: Path
    description: str
    keeps_alive: bool


def build_opentracker():
    folder = CACHE / "opentracker"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if not any(path.is_dir() for path in folder.glob("opentracker-*")):
            fetch_opentracker(folder)
        return make_opentracker(folder)
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        say(f"opentracker cannot be built ({error}); Debian's binary takes its place")
        shutil.rmtree(folder)
    if not os.path.exists("/usr/bin/opentracker"):
        run("apt-get", "install", "-y", "-qq", "opentracker", stdout=sys.stderr)
    package = run(
        "dpkg-query", "-W", "-f", "${Version}", "opentracker", capture_output=True, text=True
    )
    description = f"Debian's binary, version {package.stdout}, with a whitelist, no keep-alive"
    return Opentracker(Path("/usr/bin/opentracker"), description, False)


def fetch_opentracker(folder):
    """From the mirror that the machine already uses; its own configuration stays as it is."""
    targets = run(
        "apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME)",
        "Created-By: Packages", "Label: Debian", "Component: main",
        capture_output=True, text=True,
    ).stdout.split("\n")
    if not targets[0]:
        raise FileNotFoundError("no Debian mirror is configured")
    mirror, release = targets[0].split()
    apt = [
        "apt-get", "-qq", "-o", "APT::Sandbox::User=root",
        "-o", f"Dir::Etc::sourcelist={folder}/sources.list", "-o", "Dir::Etc::sourceparts=-",
        "-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}/cache",
    ]
    # The newest is the fairest; a mirror that lacks it may have that of the machine's release.
    for suite in ("sid", release):
        source = f"deb-src [signed-by={KEYRING}] {mirror} {suite} main\n"
        (folder / "sources.list").write_text(source)
        for part in ("lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        try:
            run(*apt, "update", stdout=sys.stderr)
            run(*apt, "source", "opentracker", cwd=folder, stdout=sys.stderr)
            return
        except subprocess.CalledProcessError:
            for description in folder.glob("*.dsc"):
                description.unlink()
    raise FileNotFoundError("no source package")


def make_opentracker(folder):
    (source,) = (path for path in folder.glob("opentracker-*") if path.is_dir())
    (description,) = folder.glob("*.dsc")
    fields = dict(
        line.split(": ", 1) for line in description.read_text().splitlines() if ": " in line
    )
    run(
        "make", "clean", "opentracker", f"FEATURES={OPENTRACKER_FEATURES}",
        "LIBOWFAT_HEADERS=/usr/include -I/usr/include/libowfat", "LIBOWFAT_LIBRARY=/usr/lib",
        cwd=source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    text = f"Debian source package {fields['Version']}, -O3 {OPENTRACKER_FEATURES}"
    return Opentracker(source / "opentracker", text, True)
