"""A WebSocket client on the standard library alone: independent of the ones under test, and able to
say what a well-behaved one would not."""
import base64
import hashlib
import os
import socket
import ssl
import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Refused(Exception):
    def __init__(self, status, headers):
        super().__init__(f"HTTP {status}")
        self.status, self.headers = status, headers


class Closed(Exception):
    """The end: `code` of the close frame, None where there was none."""

    def __init__(self, code):
        super().__init__(f"closed, code {code}")
        self.code = code


def connect_tcp(url, ca_file=None, seconds=60.0):
    scheme, rest = url.split("://")
    host, port = rest.split(":")
    raw = socket.create_connection((host, int(port)), timeout=seconds)
    if scheme in ("wss", "https"):
        return ssl.create_default_context(cafile=ca_file).wrap_socket(raw, server_hostname=host)
    return raw


class WebSocket:
    def __init__(self, url, path="/websocket/v1", ca_file=None, seconds=60.0, headers=()):
        self.socket = connect_tcp(url, ca_file, seconds)
        self.stream = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket",
                 "Connection: keep-alive, Upgrade", "Sec-WebSocket-Version: 13",
                 f"Sec-WebSocket-Key: {key}", *headers]
        try:
            self._shake_hands(key, "\r\n".join(lines) + "\r\n\r\n")
        except Exception:
            self.close()
            raise

    def _shake_hands(self, key, text):
        self.socket.sendall(text.encode())
        first = self.stream.readline().decode()
        if not first:
            raise Closed(None)
        self.status = int(first.split()[1])
        self.headers = {}
        while (line := self.stream.readline().decode().strip()):
            name, value = line.split(":", 1)
            self.headers[name.lower()] = value.strip()
        if self.status != 101:
            raise Refused(self.status, self.headers)
        digest = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        self.accepted = self.headers["sec-websocket-accept"] == base64.b64encode(digest).decode()

    def send_frame(self, opcode, payload, fin=True, mask=True):
        n = len(payload)
        head = bytes([(0x80 if fin else 0) | opcode])
        bit = 0x80 if mask else 0
        if n < 126:
            head += bytes([bit | n])
        elif n < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", n)
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", n)
        if mask:
            key = os.urandom(4)
            payload = key + bytes(b ^ key[i & 3] for i, b in enumerate(payload))
        self.socket.sendall(head + payload)

    def send(self, text):
        self.send_frame(TEXT, text.encode())

    def _read(self, n):
        data = self.stream.read(n)
        if len(data) < n:
            raise Closed(None)
        return data

    def recv_frame(self):
        """(first byte, payload); Closed where the connection ends."""
        try:
            first, second = self._read(2)
            n = second & 0x7f
            if n == 126:
                n = struct.unpack(">H", self._read(2))[0]
            elif n == 127:
                n = struct.unpack(">Q", self._read(8))[0]
            return first, self._read(n)
        except ConnectionError:
            raise Closed(None) from None

    def recv(self):
        """(opcode, payload) of the next data frame. Closed: with the code, if it is a close frame."""
        while True:
            first, payload = self.recv_frame()
            if first & 0x0f == CLOSE:
                raise Closed(struct.unpack(">H", payload[:2])[0] if payload else None)
            if first & 0x0f in (TEXT, BINARY):
                return first & 0x0f, payload

    def settled(self):
        """The payloads that are on their way: all that comes before the answer to a ping."""
        self.send_frame(PING, b"end")
        got = []
        while True:
            first, payload = self.recv_frame()
            if first & 0x0f == PONG and payload == b"end":
                return got
            got.append(payload)

    def settimeout(self, seconds):
        self.socket.settimeout(seconds)

    def close(self):
        self.stream.close()
        self.socket.close()
