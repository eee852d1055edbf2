"""A tracker that takes 50 ms to answer: `external_tracker.py ADDRESS` prints where it listens."""

import asyncio
import sys

DELAY = 0.05
PEERS = b"".join(bytes([198, 51, 100, last]) + b"\x1a\xe1" for last in range(1, 51))
BODY = b"d8:completei20e10:incompletei30e8:intervali1800e5:peers%d:%be" % (len(PEERS), PEERS)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(BODY)


class Answer(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.head = transport, b""

    def data_received(self, data):
        self.head += data
        if self.head.endswith(b"\r\n\r\n"):
            asyncio.get_running_loop().call_later(DELAY, self.answer)

    def answer(self):
        self.transport.write(HEAD + BODY)
        self.transport.close()


async def main():
    server = await asyncio.get_running_loop().create_server(Answer, sys.argv[1], 0)
    host, port = server.sockets[0].getsockname()
    print(f"{host}:{port}", flush=True)
    await server.serve_forever()


asyncio.run(main())
