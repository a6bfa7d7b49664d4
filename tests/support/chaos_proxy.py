"""chaos_proxy.py HOST:PORT - a TCP proxy that behaves badly when it is told to.

Prints {"port": N} when it listens on 127.0.0.1; then each line of stdin is a JSON object of settings, of the bytes that come
from HOST:PORT, and is answered with {"connections": n, "bytes": n, "resets": n, "refused": n}:

  delay_ms, jitter_ms   each piece comes so much later, plus up to so much; never out of order
  slice, slice_ms       at most so many bytes at once, and so long from one to the next
  bandwidth             bytes a second
  reset_after           each connection is reset (RST) when so many more bytes have passed; 0: never
  half_open             nothing passes any more, in either direction, and nobody is told
  refuse                new connections are reset at once

Settings stay until they are set again, {} asks. Bounded: 256 KiB wait in a connection, then its sender waits; 64
connections, and who comes beyond is reset. Ends with its stdin.
"""
import asyncio
import collections
import contextlib
import json
import random
import socket
import struct
import sys

CONNECTIONS_MAX = 64
WAITING_MAX = 256 << 10
PIECE = 16 << 10

SETTINGS = dict(delay_ms=0, jitter_ms=0, slice=0, slice_ms=0, bandwidth=0, reset_after=0, half_open=False, refuse=False)


class Pipe:
    """One direction of a connection."""

    def __init__(self, proxy, source, sink, rough):
        self.proxy, self.source, self.sink, self.rough = proxy, source, sink, rough
        self.queue, self.waiting, self.changed = collections.deque(), 0, asyncio.Event()
        self.last_due = 0.0

    async def take(self):
        loop = asyncio.get_running_loop()
        while True:
            while self.waiting >= WAITING_MAX:
                self.changed.clear()
                await self.changed.wait()
            piece = await self.source.read(PIECE)
            due = loop.time()
            if self.rough:
                due += (self.proxy.delay_ms + random.uniform(0, self.proxy.jitter_ms)) / 1000
            self.last_due = max(due, self.last_due)
            self.queue.append((self.last_due, piece))
            self.waiting += len(piece)
            self.changed.set()
            if not piece:
                return

    async def give(self):
        loop = asyncio.get_running_loop()
        while True:
            while not self.queue:
                self.changed.clear()
                await self.changed.wait()
            due, piece = self.queue[0]
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self.pass_on(piece)
            self.queue.popleft()
            self.waiting -= len(piece)
            self.changed.set()
            if not piece:
                self.sink.write_eof()
                return

    async def pass_on(self, piece):
        while piece:
            while self.proxy.half_open:
                await asyncio.sleep(0.01)
            n = len(piece)
            if self.rough:
                n = min(n, self.proxy.slice or n, self.proxy.reset_after or n)
            self.sink.write(piece[:n])
            await self.sink.drain()
            piece = piece[n:]
            if not self.rough:
                continue
            self.proxy.bytes += n
            if self.proxy.reset_after:
                await self.count_down(n)
            if self.proxy.bandwidth:
                await asyncio.sleep(n / self.proxy.bandwidth)
            if self.proxy.slice:
                await asyncio.sleep(self.proxy.slice_ms / 1000)

    async def count_down(self, n):
        self.left = getattr(self, "left", self.proxy.reset_after) - n
        if self.left <= 0:
            self.proxy.resets += 1
            raise ConnectionResetError


class Proxy:
    def __init__(self, host, port):
        self.host, self.port = host, port
        self.connections = self.bytes = self.resets = self.refused = 0
        self.__dict__.update(SETTINGS)

    async def serve(self, reader, writer):
        if self.refuse or self.connections >= CONNECTIONS_MAX:
            self.refused += 1
            reset(writer)
            return
        self.connections += 1
        other = None
        try:
            there, other = await asyncio.open_connection(self.host, self.port, limit=PIECE)
            ways = Pipe(self, there, writer, True), Pipe(self, reader, other, False)
            await run_all([step() for way in ways for step in (way.take, way.give)])
            for end in writer, other:
                end.close()
        except (OSError, RuntimeError):  # RuntimeError: the other one is closed already
            for end in writer, other:
                if end is not None:
                    reset(end)
        finally:
            self.connections -= 1

    def answer(self, line):
        for key, value in json.loads(line).items():
            if key not in SETTINGS:
                sys.exit(f"chaos_proxy: no such setting: {key}")
            setattr(self, key, value)
        print(json.dumps({k: getattr(self, k) for k in ("connections", "bytes", "resets", "refused")}), flush=True)


async def run_all(steps):
    """Until all have ended; the first that fails ends the others."""
    tasks = [asyncio.ensure_future(step) for step in steps]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def reset(writer):
    with contextlib.suppress(OSError):  # it is closed
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def main():
    host, port = sys.argv[1].rsplit(":", 1)
    proxy = Proxy(host, int(port))
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=PIECE)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        proxy.answer(line)


if __name__ == "__main__":
    asyncio.run(main())
