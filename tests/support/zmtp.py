"""ZMTP 3.1 by hand, for tests that must say what no library would say: a writer of any bytes, a strict reader, and a
peer of both on one connection. RFC 23 (3.0) and RFC 37 (3.1); `tests/support/bookcast_test.py` for the rest.

    with zmtp.Peer("ipc:///run/bookcast/cache.rpc") as peer:
        peer.shake_hands()
        peer.send(zmtp.message(b"", b"BC1", b"LIST", b""))
        assert peer.answer()[:3] == [b"", b"BC1", b"200"]
"""
import collections
import fcntl
import re
import select
import socket
import struct
import termios
import time

import bookcast_test

MORE, LONG, COMMAND = 1, 2, 4

Greeting = collections.namedtuple("Greeting", "version mechanism as_server")
Command = collections.namedtuple("Command", "name body")


# ------------------------------------------------------------------ writing

def greeting(version=(3, 1), mechanism=b"NULL", as_server=0, signature=b"\xff" + bytes(8) + b"\x7f", filler=bytes(31)):
    return signature + bytes(version) + mechanism.ljust(20, b"\0") + bytes([as_server]) + filler


def head(size, flags=0):
    """What stands before a frame's body; LONG is added where the size needs it."""
    if size > 255 or flags & LONG:
        return bytes([flags | LONG]) + struct.pack(">Q", size)
    return bytes([flags, size])


def frame(body, flags=0):
    return head(len(body), flags) + body


def message(*bodies, flags=0):
    return b"".join(frame(body, flags | MORE) for body in bodies[:-1]) + frame(bodies[-1], flags)


def command(name, body=b"", flags=0):
    return frame(bytes([len(name)]) + name + body, flags | COMMAND)


def entry(name, value):
    """One property of a READY."""
    return bytes([len(name)]) + name + struct.pack(">I", len(value)) + value


def ready(kind=b"DEALER", *entries, flags=0):
    return command(b"READY", entry(b"Socket-Type", kind) + b"".join(entries), flags)


def ping(context=b"", ttl=0):
    return command(b"PING", struct.pack(">H", ttl) + context)


# ------------------------------------------------------------------ reading

class Reader:
    """Bytes in, what they mean out: a Greeting, Commands, and messages as lists of frames. What the protocol forbids is
    an AssertionError."""

    def __init__(self):
        self.bytes, self.greeted, self.frames = bytearray(), False, []

    def feed(self, data):
        self.bytes += data
        found, at = [], 0
        if not self.greeted and len(self.bytes) >= 64:
            found.append(self.read_greeting())
            at = 64
        while self.greeted:
            parts = self.read_frame(at)
            if parts is None:
                break
            flags, body, at = parts
            if flags & COMMAND:
                assert not self.frames, f"a command amid a message: {body}"
                name, rest = body[1:1 + body[0]], body[1 + body[0]:]
                assert len(name) == body[0] > 0, body
                found.append(Command(name, rest))
                continue
            self.frames.append(body)
            if not flags & MORE:
                found.append(self.frames)
                self.frames = []
        del self.bytes[:at]
        return found

    def read_greeting(self):
        b = bytes(self.bytes[:64])
        assert b[0] == 0xff and b[9] == 0x7f, b
        assert b[32] in (0, 1) and b[33:] == bytes(31), b
        self.greeted = True
        return Greeting((b[10], b[11]), b[12:32].rstrip(b"\0"), b[32])

    def read_frame(self, at):
        if len(self.bytes) < at + 2:
            return None
        flags, size, begin = self.bytes[at], self.bytes[at + 1], at + 2
        assert flags in (0, MORE, LONG, LONG | MORE, COMMAND, COMMAND | LONG), f"flags {flags:#x}"
        if flags & LONG:
            begin = at + 9
            if len(self.bytes) < begin:
                return None
            size = struct.unpack_from(">Q", self.bytes, at + 1)[0]
            assert size < 64 << 20, size
        if len(self.bytes) < begin + size:
            return None
        return flags, bytes(self.bytes[begin:begin + size]), begin + size


def wait_for(opened, writes):
    """Until a socket that does not block can be read, or also be written."""
    readable, writable, _ = select.select([opened], [opened] if writes else [], [], bookcast_test.DEADLINE)
    assert readable or writable, "nothing moves"


class Ended(Exception):
    """The other side has ended the connection; `said` is what came before that."""

    def __init__(self, said):
        super().__init__(f"ended after {said}")
        self.said = said


class Peer:
    """One connection. It says only what it is told to, but for the answer to a PING."""

    def __init__(self, endpoint, receive_buffer=None):
        kind, address = endpoint.split("://", 1)
        if kind == "ipc":
            self.socket = socket.socket(socket.AF_UNIX)
        else:
            host, port = re.fullmatch(r"\[?(.*?)\]?:(\d+)", address).groups()
            self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            address = host, int(port)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address)  # without a time limit: with one, a full queue of newcomers would be an error
        self.socket.settimeout(bookcast_test.DEADLINE)
        self.reader, self.items, self.said = Reader(), collections.deque(), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends the connection so that the other side sees an error where there is one (TCP)."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def offer(self, data):
        """As send(), of as much as the other side takes before it has ended the connection."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def offer_now(self, data):
        """As much as the kernel takes without waiting; how many bytes that were."""
        self.socket.setblocking(False)  # with a time limit Python itself waits
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0
        finally:
            self.socket.settimeout(bookcast_test.DEADLINE)

    def untaken(self):
        """Did the other side not read yet all that was sent? Unix sockets only."""
        return struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))[0] > 0

    def wait_taken(self):
        """What is sent next is a piece of its own."""
        deadline = time.monotonic() + bookcast_test.DEADLINE
        while self.untaken():
            assert time.monotonic() < deadline, "the other side does not read"

    def more(self, at_most=1 << 16):
        """Waits for bytes; False at the end of the connection."""
        try:
            data = self.socket.recv(at_most)
        except ConnectionResetError:
            data = b""
        for item in self.reader.feed(data):
            self.items.append(item)
            if isinstance(item, Command) and item.name == b"PING":
                self.offer(command(b"PONG", item.body[2:]))
        return bool(data)

    def next(self):
        """The next thing said, of any kind; Ended."""
        while not self.items:
            if not self.more():
                raise Ended(self.said)
        self.said.append(self.items[0])
        return self.items.popleft()

    def command(self, name):
        """The next command of that name; what comes before it is skipped."""
        while True:
            item = self.next()
            if isinstance(item, Command) and item.name == name:
                return item.body

    def answer(self):
        """The frames of the next message; commands before it are skipped."""
        while True:
            item = self.next()
            if isinstance(item, list):
                return item

    def shake_hands(self, kind=b"DEALER", version=(3, 1)):
        self.send(greeting(version) + ready(kind))
        self.command(b"READY")
        return self

    def until_the_end(self):
        """All that the other side has said in this connection, which it ends."""
        try:
            while True:
                self.next()
        except Ended as end:
            return end.said
