"""The cache's socket as bytes: ZMTP 3.1 in any pieces, in any order, cut off, wrong, too much, and never read. Whoever
speaks it right is answered; nobody costs more than himself. Where the words of a server made of libzmq would differ,
it is said so."""
import contextlib
import os
import random
import struct

import bookcast_test
import rpc_case
import zmtp
from bookcast_test import LONG
from rpc_case import BAD, ENDED, LIST, LISTED, MIB, REFUSED, answer_to, outcome, question
from zmtp import command, entry, frame, greeting, head, message, ping, ready

FRAME_MAX = 16 << 20
ARGS_MAX = 10_000
SERVED, EITHER = "served", "ended or served"
SIGNATURE = b"\xff" + bytes(8) + b"\x7f"


def get(n, topic=b"upbit.X.book"):
    return (b"BC1", b"GET", *[topic] * n)


# What a connection begins with, all in one piece, and what becomes of it. (The server of libzmq ends connections whose
# first question comes with the handshake.)
GREETINGS = (
    ("3.1", greeting(), SERVED),
    ("3.0", greeting(version=(3, 0)), SERVED),
    ("3.255", greeting(version=(3, 255)), SERVED),
    ("4.0", greeting(version=(4, 0)), SERVED),
    ("as server", greeting(as_server=1), SERVED),
    ("as neither", greeting(as_server=255), EITHER),
    ("a filler that is not zero", greeting(filler=b"x" * 31), SERVED),
    ("a signature as that of libzmq", greeting(signature=b"\xff" + bytes(7) + b"\1\x7f"), SERVED),
    ("a signature full of ones", greeting(signature=b"\xff" * 9 + b"\x7f"), SERVED),
    ("2.1", greeting(version=(2, 1)), ENDED),                      # these three are served by libzmq
    ("2.0", SIGNATURE + b"\1\5" + b"\0\0", ENDED),
    ("1.0", b"\1\0" + b"\1\1\0" + b"\4\1BC1", ENDED),
    ("0.0", greeting(version=(0, 0)), ENDED),
    ("PLAIN", greeting(mechanism=b"PLAIN"), ENDED),
    ("CURVE", greeting(mechanism=b"CURVE"), ENDED),
    ("no mechanism", greeting(mechanism=b""), ENDED),
    ("null", greeting(mechanism=b"null"), ENDED),
    ("NULLS", greeting(mechanism=b"NULLS"), ENDED),
    ("20 letters", greeting(mechanism=b"N" * 20), ENDED),
    ("a signature that ends in 7e", greeting(signature=b"\xff" + bytes(8) + b"\x7e"), ENDED),
    ("a signature that begins with 00", greeting(signature=bytes(9) + b"\x7f"), ENDED),
    ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + b" " * 64, ENDED),
    ("TLS", b"\x16\3\1\2\0\1\0\1\xfc\3\3" + bytes(200), ENDED),
)

# What comes after the greeting.
DEALER = entry(b"Socket-Type", b"DEALER")
HANDSHAKES = (
    *((kind.decode(), ready(kind), SERVED) for kind in (b"REQ", b"DEALER", b"ROUTER")),
    *((kind.decode(), ready(kind), REFUSED) for kind in  # libzmq says no ERROR
      (b"REP", b"PUB", b"SUB", b"XPUB", b"XSUB", b"PUSH", b"PULL", b"PAIR", b"STREAM", b"", b"dealer", b"DEALERS", b"REQ\0")),
    ("a name", ready(b"DEALER", entry(b"Identity", b"me")), SERVED),
    ("an empty name", ready(b"DEALER", entry(b"Identity", b"")), SERVED),
    ("the longest name", ready(b"DEALER", entry(b"Identity", b"n" * 255)), SERVED),
    ("the type last", command(b"READY", entry(b"Identity", b"me") + entry(b"X-Colour", b"red") + DEALER), SERVED),
    ("in lower case", command(b"READY", entry(b"socket-type", b"DEALER")), SERVED),
    ("in upper case", command(b"READY", entry(b"SOCKET-TYPE", b"DEALER")), SERVED),
    ("a long frame", ready(flags=zmtp.LONG), SERVED),
    ("much metadata", ready(b"DEALER", entry(b"X-Colour", b"r" * 2000)), SERVED),
    ("far too much metadata", ready(b"DEALER", entry(b"X-Colour", b"r" * 70000)), EITHER),
    ("the type twice", command(b"READY", DEALER + DEALER), EITHER),
    ("no type", command(b"READY"), ENDED),                         # served by libzmq
    ("a name alone", command(b"READY", entry(b"Identity", b"me")), ENDED),
    ("a property without a name", command(b"READY", entry(b"", b"x") + DEALER), EITHER),
    ("a name beyond the end", command(b"READY", b"\xffSocket-Type"), ENDED),
    ("half a name", command(b"READY", DEALER + b"\x08Iden"), ENDED),
    ("no length of a value", command(b"READY", b"\x0bSocket-Type"), ENDED),
    ("half a length", command(b"READY", b"\x0bSocket-Type\0\0"), ENDED),
    *((f"a value of {n:x}", command(b"READY", b"\x0bSocket-Type" + struct.pack(">I", n) + b"DEALER"), ENDED)
      for n in (7, 0x7fffffff, 0x80000000, 0xffffffff)),
    ("a byte behind it", command(b"READY", DEALER + b"\1"), ENDED),
    ("a command of no bytes", b"\4\0" + ready(), ENDED),
    ("a command without a name", b"\4\1\0" + ready(), ENDED),
    ("a name of the command beyond it", b"\4\6\x7fREADY", ENDED),
    ("of 2^63 bytes", b"\6" + struct.pack(">Q", 1 << 63), ENDED),
    ("of 1 GiB", b"\6" + struct.pack(">Q", 1 << 30), ENDED),
    ("a message", question(b""), ENDED),
    ("PING", ping(), ENDED),
    ("ERROR", command(b"ERROR", b"\4none"), ENDED),
    ("HELLO", command(b"HELLO", bytes(100)), ENDED),
)

# What comes before a question, after the handshake; the PONGs before its answer.
COMMANDS = (
    *((f"PING {n}", ping(bytes(range(n))), SERVED, [bytes(range(n))]) for n in range(17)),
    ("PING with a time to live", ping(b"x", ttl=65535), SERVED, [b"x"]),
    ("PING in a long frame", command(b"PING", b"\0\0abc", zmtp.LONG), SERVED, [b"abc"]),
    ("three PINGs", ping(b"a") + ping(b"") + ping(b"b"), SERVED, [b"a", b"", b"b"]),
    ("PING of more than a context", ping(bytes(17)), EITHER, None),
    ("PING without a time to live", command(b"PING", b"\0"), EITHER, None),
    ("PONG", command(b"PONG", b"x"), SERVED, []),
    *((name.decode(), command(name, b"upbit."), SERVED, []) for name in
      (b"SUBSCRIBE", b"CANCEL", b"JOIN", b"LEAVE", b"PINGS", b"ping", b"X", b"N" * 255)),
    ("an unknown one in a long frame", command(b"COLOUR", b"r" * 1000), SERVED, []),
    ("READY once more", ready(), EITHER, []),
    ("ERROR", command(b"ERROR", b"\4none"), EITHER, []),
    ("a command of no bytes", b"\4\0", EITHER, []),
    ("a command without a name", b"\4\1\0", EITHER, []),
    ("a name of the command beyond it", b"\4\5\x05PING", EITHER, []),
    ("a command of 1 MiB", command(b"COLOUR", bytes(1 << 20)), EITHER, []),
    ("a command of 2^63 bytes", b"\6" + struct.pack(">Q", 1 << 63), ENDED, []),
    ("a command with MORE", frame(b"\1X", zmtp.COMMAND | zmtp.MORE), ENDED, []),
    *((f"flags {flags:#x}", message(b"s", b"", *LIST, flags=flags), ENDED, []) for flags in
      (0x08, 0x10, 0x20, 0x40, 0x80, 0xf8, 0xff)),                 # served by libzmq
    *((f"a frame of {n:#x} bytes", head(n), ENDED, []) for n in
      (FRAME_MAX + 1, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)),
)

# Messages, and the first frames of their answers. An envelope is at most 8 frames with its empty one; the server of
# libzmq counts the connection as one of them.
MESSAGES = (
    (question(b""), BAD),
    (message(b"", *LIST), [b"", *LISTED]),
    (message(*[b"e%d" % i for i in range(7)], b"", *LIST), [*[b"e%d" % i for i in range(7)], b"", *LISTED]),
    (message(*[b"e"] * 8, b"", *LIST), BAD),
    (message(*[b"e"] * 30), BAD),
    (message(b"long" * 500, b"", *LIST), [b"long" * 500, b"", *LISTED]),
    (message(b"", *LIST, flags=zmtp.LONG), [b"", *LISTED]),
    (frame(b"", 3) + frame(b"BC1", 3) + frame(b"LIST", 3) + frame(b"none.", 2), [b"", *LISTED]),
    (message(b""), BAD),
    (message(b"", b""), BAD),
    (message(b"x"), BAD),
    (message(*LIST), BAD),
    (message(b"", b"BC1"), BAD),
    (message(b"t", b"", b"BC1"), [b"t", *BAD]),
    (message(b"", b"BC2", b"LIST", b""), BAD),
    (message(b"", b"BC1", b""), BAD),
    (message(b"", b"BC1", b"list", b""), BAD),
    (message(b"", b"BC1", b"LIST"), BAD),
    (message(b"", b"BC1", b"LIST", b"", b""), BAD),
    (message(b"", b"BC1", b"GET", b"", b"\0\xff" * 100), [b"", *LISTED, b"404"]),
    (ping() + message(b"", *LIST), [b"", *LISTED]),
    (ping(b"x").join(frame(f, zmtp.MORE) for f in (b"t", b"", b"BC1", b"LIST")) + command(b"X") + frame(b"none."),
     answer_to(b"t")),
)


class RpcWireTest(rpc_case.Case):
    n_ended = 0

    def assert_becomes(self, want, peer, tag):
        """Of a connection on which the question `tag` was the last that was said."""
        became = outcome(peer)
        became = SERVED if became == answer_to(tag) else became
        allowed = {EITHER: (ENDED, REFUSED, SERVED), ENDED: (ENDED, REFUSED)}.get(want, (want,))
        self.assertIn(became, allowed)
        self.n_ended += became in (ENDED, REFUSED)
        self.befriend()
        return became

    # ---------------------------------------------------------------- handshakes

    def test_greetings(self):
        """The server's is there at once, whole: who waits for it before he says a word is not kept waiting."""
        for endpoint in self.endpoints:
            with zmtp.Peer(endpoint) as peer:
                self.assertEqual(peer.next(), zmtp.Greeting((3, 1), b"NULL", 0))
                peer.send(greeting())
                self.assertEqual(peer.next().name, b"READY")
                peer.send(ready(b"REQ") + question(b"t"))
                self.assertEqual(peer.answer(), answer_to(b"t"))
        for name, words, want in GREETINGS:
            with self.subTest(name), zmtp.Peer(self.ipc) as peer:
                peer.offer(words + (ready() + question(b"t") if want in (SERVED, EITHER) else b""))
                self.assert_becomes(want, peer, b"t")
        self.assert_well(dropped=self.n_ended)

    def test_handshakes(self):
        for name, words, want in HANDSHAKES:
            for endpoint in self.endpoints[:2]:
                with self.subTest(name, endpoint=endpoint), zmtp.Peer(endpoint) as peer:
                    peer.send(greeting())
                    properties = peer.command(b"READY")
                    self.assertIn(entry(b"Socket-Type", b"ROUTER"), properties)
                    peer.offer(words + (question(b"t") if want in (SERVED, EITHER) else b""))
                    self.assert_becomes(want, peer, b"t")
        self.assert_well(dropped=self.n_ended)

    # ---------------------------------------------------------------- pieces

    def test_every_byte_alone(self):
        for kind in (b"REQ", b"DEALER", b"ROUTER"):
            with zmtp.Peer(self.ipc) as peer:
                words = greeting() + ready(kind) + ping(b"p") + question(b"t" * 300) + question(b"u")
                for byte in words:
                    peer.send(bytes([byte]))
                    peer.wait_taken()
                self.assertEqual(peer.answer(), answer_to(b"t" * 300))
                self.assertEqual(peer.answer(), answer_to(b"u"))
                self.assertIn(zmtp.Command(b"PONG", b"p"), peer.said)
        self.assert_well()

    def test_two_pieces(self):
        """A handshake, and what is said after it, split at every offset."""
        opening = greeting() + ready() + question(b"t")
        for at in range(1, len(opening)):
            with zmtp.Peer(self.ipc) as peer:
                peer.send(opening[:at])
                peer.wait_taken()
                peer.send(opening[at:])
                self.assertEqual(peer.answer(), answer_to(b"t"), at)
        with contextlib.ExitStack() as stack:
            peer = self.peer(stack)
            words = (ping(b"p") + question(b"a") + message(b"b", b"", *LIST, flags=zmtp.LONG) + command(b"X" * 250, bytes(20))
                     + message(b"l" * 256) + question(b"c"))
            for at in range(1, len(words)):
                peer.send(words[:at])
                peer.wait_taken()
                peer.send(words[at:])
                heard = [peer.answer() for _ in range(4)]
                self.assertEqual(heard[2][:3], BAD, at)
                self.assertEqual(heard[:2] + heard[3:], [answer_to(t) for t in (b"a", b"b", b"c")], at)
        self.assert_well()

    def test_all_in_one_piece(self):
        for endpoint in self.endpoints:
            with zmtp.Peer(endpoint) as peer:
                peer.send(greeting() + ready() + b"".join(question(b"%d" % i) for i in range(1000)))
                for i in range(1000):
                    self.assertEqual(peer.answer(), answer_to(b"%d" % i))
        self.assert_well()

    def test_cut_off(self):
        """At every byte, with an end and with an error, and with nobody there who would hear the answer."""
        words = greeting() + ready() + ping(b"p") + question(b"t") + message(b"l" * 300, b"", *LIST)
        for at in range(len(words) + 1):
            for endpoint in self.endpoints[at % 2:at % 2 + 1]:
                peer = zmtp.Peer(endpoint)
                peer.send(words[:at])
                peer.reset() if at % 4 == 1 else peer.close()
        with contextlib.ExitStack() as stack:
            for at in range(len(words) + 1):  # who only stops to speak hears the answers to what he has asked
                peer = stack.enter_context(zmtp.Peer(self.ipc))
                peer.send(words[:at])
                peer.socket.shutdown(zmtp.socket.SHUT_WR)
        for _ in range(20):  # who is gone when his answer is there
            peer = zmtp.Peer(self.ipc).shake_hands()
            peer.offer(question(b"t", *get(1000)) * 20)
            peer.close()
        self.assert_well()

    # ---------------------------------------------------------------- traffic

    def test_commands(self):
        for name, words, want, pongs in COMMANDS:
            with self.subTest(name), contextlib.ExitStack() as stack:
                peer = self.peer(stack)
                peer.said.clear()
                peer.offer(words + question(b"t"))
                became = self.assert_becomes(want, peer, b"t")
                said = [item for item in peer.said if isinstance(item, zmtp.Command) and item.name == b"PONG"]
                if became == SERVED and pongs is not None:
                    self.assertEqual(said, [zmtp.Command(b"PONG", context) for context in pongs])
                self.assertTrue(all(len(item.body) <= 16 for item in said), said)
        self.assert_well(dropped=self.n_ended)

    def test_messages(self):
        """One by one, and many times all of them in one piece; the answers are in order."""
        for endpoint in self.endpoints[:2]:
            with contextlib.ExitStack() as stack:
                peer = self.peer(stack, endpoint)
                for n, (words, begins) in enumerate(MESSAGES):
                    with self.subTest(n):
                        peer.send(words)
                        self.assertEqual(peer.answer()[:len(begins)], begins)
                peer.send(b"".join(words for words, _ in MESSAGES) * 10)
                for words, begins in MESSAGES * 10:
                    self.assertEqual(peer.answer()[:len(begins)], begins, words[:200])
        self.assert_well()

    def test_questions_over_a_limit(self):
        """A reason, and the next question on the same connection is answered."""
        mib = bytes(1 << 20)
        rows = (
            ("10,000 topics", question(b"t", *get(ARGS_MAX)), b"200"),
            ("10,001 topics", question(b"t", *get(ARGS_MAX + 1)), b"400"),
            ("100,000 empty arguments", question(b"t", *get(100_000, b"")), b"400"),
            ("16 MiB", question(b"t", b"BC1", b"STATE", bytes(FRAME_MAX - 8)), b"200"),
            ("a byte more", question(b"t", b"BC1", b"STATE", bytes(FRAME_MAX - 7)), b"400"),
            ("a frame of 16 MiB", question(b"t", *get(1, bytes(FRAME_MAX))), b"400"),
            ("17 MiB in 17 frames", question(b"t", *get(17, mib)), b"400"),
            ("32 MiB in 2 frames", question(b"t", *get(2, bytes(FRAME_MAX))), b"400"),
        )
        with contextlib.ExitStack() as stack:
            peer = self.peer(stack)
            for name, words, status in rows:
                with self.subTest(name):
                    peer.send(words + ping(b"after") + question(b"u"))
                    self.assertEqual(peer.answer()[:4], [b"t", b"", b"BC1", status])
                    self.assertEqual(peer.answer(), answer_to(b"u"))
                    self.befriend()
            self.assert_bounded(128 * MIB)
            peer.send(message(bytes(15 << 20), b"", *LIST))  # what it is routed by is returned, however long it is
            self.assertEqual(peer.answer()[1:], [b"", *LISTED])
            peer.send(question(b"u"))
            self.assertEqual(peer.answer(), answer_to(b"u"))
        with contextlib.ExitStack() as stack:
            peer = self.peer(stack, self.endpoints[1])
            peer.offer(head(20 << 20) + bytes(20 << 20))  # whole, not only announced
            self.assertEqual(outcome(peer), ENDED)
        self.assert_well(128 * MIB, dropped=1)

    def test_anything_at_all(self):
        seed = int(os.environ.get("BOOKCAST_TEST_SEED", "1"))
        chance = random.Random(seed)
        good = [ping(b"p"), question(b"t"), question(b"t", *get(20)), message(b"x"), command(b"X"), question(b"l" * 300)]
        for turn in range(300 if not LONG else 20_000):
            words = bytearray(b"".join(chance.choice(good) for _ in range(chance.randrange(1, 12))))
            if turn % 3:
                words[:0] = greeting() + ready()
            for _ in range(chance.randrange(4)):
                at = chance.randrange(len(words) + 1)
                words[at:at + chance.choice((0, 1, 1, 5))] = chance.randbytes(chance.choice((0, 1, 1, 9)))
            if turn % 3 == 0 and turn % 2:
                words[:0] = chance.randbytes(chance.randrange(100))
            peer = zmtp.Peer(self.endpoints[turn % 2])
            if turn % 3 == 0 and turn % 2 == 0:
                peer.shake_hands()
            peer.offer(words)
            with contextlib.suppress(BlockingIOError):  # strict about all that it says
                peer.socket.setblocking(False)
                while peer.more():
                    pass
            peer.close()
            if turn % 25 == 0:
                self.befriend()
        self.assert_well(dropped=None)


class ControlWireTest(bookcast_test.Case):
    """The control socket of a gateway is of the same make."""

    def test_it_speaks_the_same(self):
        gateway = self.start("bookcast-gateway", "--exchange", "upbit", "--symbols", "KRW-BTC", "--ws-url",
                             "ws://127.0.0.1:9", "--rest-url", "http://127.0.0.1:9")
        endpoint = f"ipc://{self.run_dir}/upbit.0.ctl"
        for words in (greeting(mechanism=b"PLAIN"), greeting() + ready(b"SUB"), greeting() + command(b"READY", b"\xffx")):
            with zmtp.Peer(endpoint) as peer:
                peer.send(words)
                self.assertIn(outcome(peer), (ENDED, REFUSED))
        with zmtp.Peer(endpoint) as peer:
            words = greeting() + ready() + ping(b"p") + message(b"t", b"", b"BC1", b"HEALTH") + message(b"x")
            for byte in words:
                peer.send(bytes([byte]))
                peer.wait_taken()
            self.assertEqual(peer.answer()[:4], answer_to(b"t"))
            self.assertEqual(peer.answer()[:3], BAD)
            self.assertIn(zmtp.Command(b"PONG", b"p"), peer.said)
            peer.offer(head(1 << 63))
            self.assertEqual(outcome(peer), ENDED)
        reply = bookcast_test.ask(self.context, endpoint, ("BC1", "HEALTH"))
        self.assertEqual(reply[:2], LISTED)
        self.assertTrue(gateway.running())


if __name__ == "__main__":
    bookcast_test.main(together=3)
