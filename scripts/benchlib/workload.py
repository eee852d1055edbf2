"""What the trackers hold and are asked."""

import random
import string

# With 10,000 swarms and 200 peers in the mean: from 46 to 74,000 peers, nearly all answers full.
POWER = 0.8
REQUESTS = 65536
ASKERS_PER_SWARM = 8
UNESCAPED = (string.ascii_letters + string.digits + "-_.!~*()'").encode()

# Forwarded announces are for the largest swarms, in which the network has peers enough.
FORWARDED_SWARMS = 100
# Announces that need an external tracker: more than it is asked for in a run.
FETCHES = 10000


class Workload:
    """Swarms of sizes that follow a power law, each size `copies` times, in a folder of its own; a
    power of 0 makes them equal."""

    def __init__(self, folder, torrents, peers, prefixes, copies=1, power=POWER):
        folder.mkdir(exist_ok=True)
        # opentracker gives up root, and its folder is this one.
        folder.chmod(0o755)
        self.folder = folder
        self.swarms = folder / "swarms"
        chance = random.Random(1)
        hashes = [chance.randbytes(20) for _ in range(torrents * copies)]
        weights = [rank**-power for rank in range(1, torrents + 1)]
        scale = peers / copies / sum(weights)
        sizes = [max(1, round(weight * scale)) for weight in weights] * copies

        self.torrents, self.peers, self.prefixes = torrents * copies, sum(sizes), prefixes
        self.swarms.write_text(
            "".join(f"{escape(h)} {size}\n" for h, size in zip(hashes, sizes))
        )
        (folder / "whitelist").write_text("".join(h.hex() + "\n" for h in hashes))
        write_prefixes(folder, prefixes)

        self.askers = [
            (swarm, chance.randrange(ASKERS_PER_SWARM))
            for swarm in chance.choices(range(len(hashes)), sizes, k=REQUESTS)
        ]
        self.escaped = [escape(h) for h in hashes]
        for name, target, connection in (
            ("announce-kept", announce_target, "keep-alive"),
            ("announce-changing", changing_target, "keep-alive"),
            ("announce-close", announce_target, "close"),
            ("scrape-kept", scrape_target, "keep-alive"),
        ):
            targets = (target(self.escaped[swarm], swarm, asker) for swarm, asker in self.askers)
            self.write_requests(name, targets, connection)

    def write_requests(self, name, targets, connection="keep-alive"):
        heads = (head(target, connection) for target in targets)
        (self.folder / name).write_bytes("".join(heads).encode())

    def write_forwarded(self, tracker):
        """Announces to an external tracker: to torrents of which the network has peers enough, and
        to others, which this tracker has to be asked for."""
        targets = (
            forwarded_target(tracker, self.escaped[swarm % FORWARDED_SWARMS], swarm, asker)
            for swarm, asker in self.askers
        )
        self.write_requests("forwarded", targets)
        chance = random.Random(2)
        unknown = (escape(chance.randbytes(20)) for _ in range(FETCHES))
        targets = (forwarded_target(tracker, h, number, 0) for number, h in enumerate(unknown))
        self.write_requests("forwarded-fetched", targets)


def write_prefixes(folder, count):
    """Half of the prefixes for each group, of which one holds the peers there are."""
    networks = iter(random.Random(3).sample(range(0x010000, 0x7E0000), count))
    for group in (1, 2):
        made_up = [next(networks) for _ in range(count // 2 - 1)]
        lines = [f"127.{group}.0.0/16"]
        lines += [f"{n >> 16}.{n >> 8 & 255}.{n & 255}.0/24" for n in made_up]
        (folder / f"group{group}.conf").write_text("\n".join(lines) + "\n")


def escape(raw):
    """As libtorrent does it: in lower case, and as little as it can."""
    return "".join(chr(byte) if byte in UNESCAPED else f"%{byte:02x}" for byte in raw)


def announce_target(info_hash, swarm, asker, left=600000):
    return (
        f"/announce?info_hash={info_hash}&peer_id=-qB4520-{swarm:08x}{asker:04x}"
        f"&port={24000 + asker}&uploaded=0&downloaded=0&left={left}&corrupt=0&key=2F990F19"
        "&numwant=50&compact=1&no_peer_id=1&supportcrypto=1&redundant=0"
    )


def changing_target(info_hash, swarm, asker):
    """A peer that has all at one time and not at another is to be written each time."""
    return announce_target(info_hash, swarm, asker, random.choice([0, 600000]))


def forwarded_target(tracker, info_hash, swarm, asker):
    client = f"127.1.{swarm >> 8 & 255}.{swarm & 255}"
    plain = announce_target(info_hash, swarm, asker)
    return f"/forwarded_announce/http/{tracker}{plain}&client_ip={client}"


def scrape_target(info_hash, _swarm, _asker):
    return f"/scrape?info_hash={info_hash}"


def head(target, connection):
    # qBittorrent always closes; opentracker keeps a connection only for who asks for it by name.
    return (
        f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:6969\r\nUser-Agent: qBittorrent/4.5.2\r\n"
        f"Accept-Encoding: gzip\r\nConnection: {connection}\r\n\r\n"
    )
