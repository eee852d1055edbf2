"""The servers that are measured, filled with what they are measured with."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from .common import LOAD_CORE, RELEASE, SERVER_CORE, TRUSTED, run

# Announces that BTRT gets at once over each connection while it is filled.
PIPELINE = 16


def listens(port, process, seconds):
    """Waits until a process listens, and says whether it does."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                return False
            time.sleep(0.05)


class Server:
    def __init__(self, name, port, command, folder, keeps_alive=True):
        self.name, self.port, self.keeps_alive = name, port, keeps_alive
        self.output = folder / f"{name}.output"
        with open(self.output, "wb") as output:
            command = ["taskset", "-c", SERVER_CORE, *map(str, command)]
            self.process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)

    def wait_until_ready(self):
        if not listens(self.port, self.process, 30):
            sys.exit(f"{self.name} does not listen: {self.output.read_text()[-2000:]}")

    def cpu_seconds(self):
        """User and system time of all its threads."""
        # The name in the second field may hold spaces.
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return int(fields[11]) / ticks, int(fields[12]) / ticks

    def resident_mebibytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Btrt(Server):
    """With a database of its own kind, whose tables are made first, in a folder of its own."""

    def __init__(self, folder, workload, database="sqlite", prefixes=None, flush=5, settings=""):
        folder.mkdir(exist_ok=True)
        self.port, self.admin_port = free_port(), free_port()
        self.folder, self.workload, self.database = folder, workload, database
        self.mariadb = MariaDb(folder / "mariadb") if database == "mariadb" else None
        self.configuration = folder / "btrt.conf"
        self.base = btrt_configuration(
            f"127.0.0.1:{self.port}", f"127.0.0.1:{self.admin_port}", folder,
            prefixes or workload.folder, self.section(), flush,
        )
        self.configure(settings)
        try:
            if database != "none":
                run(*self.command("db", "create"), stdout=subprocess.DEVNULL)
            self.start_process()
        except BaseException:
            self.stop_database()
            raise

    def section(self):
        return self.mariadb.section() if self.mariadb else FILE_SECTIONS[self.database]

    def configure(self, settings):
        """Which holds from the next reload or start."""
        self.configuration.write_text(self.base + settings)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def start_process(self):
        super().__init__("btrt", self.port, self.command("run"), self.folder)

    def stop_process(self):
        """Leaves its database running."""
        super().stop()

    def log(self):
        return (self.folder / "btrt.log").read_text()

    def peers(self):
        """How many there are now."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/stats.json") as answer:
            return json.load(answer)["peers"]

    def command(self, *words):
        return [RELEASE / "btrt", *words, "-c", self.configuration]

    def wait_until_written(self):
        """What it still writes would count as the cost of what is measured."""
        if self.database == "none":
            return
        peers = self.workload.peers
        deadline = time.monotonic() + 120 + peers / 5000
        while f"peers {peers}\n" not in self.status():
            if time.monotonic() > deadline:
                sys.exit(f"the database does not get {peers} peers: {self.status()}")
            time.sleep(1)

    def status(self):
        return run(*self.command("db", "status"), capture_output=True, text=True).stdout

    def stop(self):
        super().stop()
        self.stop_database()

    def stop_database(self):
        if self.mariadb:
            self.mariadb.stop()


FILE_SECTIONS = {"none": 'url: "none"', "sqlite": 'url: "sqlite:btrt.sqlite"'}


class MariaDb:
    """A private server, which whoever measures does not mind to run as root."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.process = None
        folder.mkdir()
        run(
            "mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal",
            "--skip-test-db", f"--datadir={folder}/data", *self.user(), stdout=subprocess.DEVNULL,
        )
        self.start()

    def user(self):
        return ["--user=root"] if os.geteuid() == 0 else []

    def section(self):
        return f'url: "tcp://127.0.0.1:{self.port}"\n  user: "root"\n  password: ~'

    def start(self):
        command = [
            "taskset", "-c", LOAD_CORE, "nice", "mariadbd", "--no-defaults", *self.user(),
            "--bind-address=127.0.0.1", f"--port={self.port}", "--skip-name-resolve",
            f"--datadir={self.folder}/data", f"--socket={self.folder}/mariadb.sock",
            "--innodb-buffer-pool-size=512M", "--innodb-log-file-size=256M",
        ]
        with open(self.folder / "output", "ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        if not listens(self.port, self.process, 60):
            self.stop()
            sys.exit(f"mariadbd: {(self.folder / 'output').read_text()[-2000:]}")

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.process.kill()
        self.process.wait()


def start_other(name, workload, opentracker=None):
    """The floor, or opentracker, filled."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    keeps_alive, populate = True, []
    if name == "floor":
        command = [RELEASE / "examples" / "floor", address]
    else:
        command = [opentracker.binary, "-i", "127.0.0.1", "-p", port, "-d", workload.folder]
        keeps_alive = opentracker.keeps_alive
        if keeps_alive:
            command += ["-A", TRUSTED]
        else:
            command += ["-w", "whitelist"]
            populate = ["--own-addresses"]
    server = Server(name, port, command, workload.folder, keeps_alive)
    try:
        server.wait_until_ready()
        if name != "floor":
            fill(server, workload, *populate)
    except BaseException:
        server.stop()
        raise
    return server


def start_btrt(folder, workload, *populate, **keywords):
    """BTRT, filled; the database has got everything."""
    server = Btrt(folder, workload, **keywords)
    try:
        server.wait_until_ready()
        fill(server, workload, "--pipeline", PIPELINE, *populate)
        server.wait_until_written()
    except BaseException:
        server.stop()
        raise
    return server


def fill(server, workload, *options):
    program = RELEASE / "examples" / "populate"
    address = f"127.0.0.1:{server.port}"
    run("taskset", "-c", LOAD_CORE, program, address, workload.swarms, *options)


class ExternalTracker:
    """One that answers in 50 ms, at an address that BTRT is told to trust."""

    ADDRESS = "127.0.0.9"

    def __init__(self):
        program = Path(__file__).with_name("external_tracker.py")
        command = ["taskset", "-c", LOAD_CORE, "nice", sys.executable, program, self.ADDRESS]
        self.process = subprocess.Popen(map(str, command), stdout=subprocess.PIPE, text=True)
        self.name = self.process.stdout.readline().strip()

    def stop(self):
        self.process.kill()
        self.process.wait()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def btrt_configuration(address, admin, folder, prefixes, database_section, flush):
    return f"""\
server:
  listen: ["{address}"]
  admin_listen: "{admin}"
  trusted_proxies: ["{TRUSTED}"]
logging:
  path: "{folder}"
  level: "info"
database:
  {database_section}
  flush_interval: {flush}
peer_groups:
  - name: "local"
    priority: 0
    cidr_file: "{prefixes}/group1.conf"
  - name: "partners"
    priority: 1
    cidr_file: "{prefixes}/group2.conf"
"""
