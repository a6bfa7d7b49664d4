#!/usr/bin/python3
"""The Python client against the golden vectors, and against a gateway and a cache made here.

The bus is real (ZeroMQ on ipc in a directory of its own); what is published is made from the
vectors in proto/vectors. Nothing sleeps: each step waits for its condition, with a deadline."""

import decimal
import json
import os
import pathlib
import sys
import tempfile
import threading
import time
import unittest
from decimal import Decimal

import msgpack
import zmq

SOURCE = pathlib.Path(os.environ.get("BOOKCAST_SOURCE") or
                      pathlib.Path(__file__).resolve().parent.parent.parent)
sys.path.insert(0, str(SOURCE / "subscribers" / "python"))
sys.dont_write_bytecode = True
import bookcast  # noqa: E402 (the path comes first)

VECTORS = SOURCE / "proto" / "vectors"
DEADLINE = 10.0  # seconds; nothing here takes one
BOOK, STATE_TOPIC = "upbit.KRW-BTC.book", "upbit.KRW-BTC.state"
EPOCH = 1763697000123456
LIVE, REST, STALE = 2, 4, 5
GAP = 2


def vector(name):
    return bytes.fromhex((VECTORS / f"{name}.hex").read_text())


def frame(name="book-plain", topic=None, body=None, **changes):
    """A vector's frame with another topic, body or fields of the envelope."""
    own_topic, payload = vector(name).split(b"\0", 1)
    outer = msgpack.unpackb(payload)
    places = {"epoch": 1, "seq": 2, "exchange_seq": 3, "ts_exchange": 4, "ts_publish": 6, "state": 7, "reason": 8, "since": 9,
              "flags": 10}
    for key, value in changes.items():
        outer[1][places[key]] = value
    if body is not None:
        outer[2] = body
    return (topic.encode() if topic else own_topic) + b"\0" + msgpack.packb(outer)


def heartbeat(endpoint, interval=60.0, epoch=EPOCH, instance="0", seq=1):
    body = msgpack.unpackb(vector("heartbeat-plain").split(b"\0", 1)[1])[2]
    body[0], body[6], body[7] = instance, int(interval * 1e9), [endpoint]
    return frame("heartbeat-plain", f"upbit.@{instance}.heartbeat", body, epoch=epoch, seq=seq)


class FakeGateway:
    """An XPUB that tells which subscriptions have arrived."""

    def __init__(self, context, endpoint):
        self.endpoint = endpoint
        self.socket = context.socket(zmq.XPUB)
        self.socket.setsockopt(zmq.XPUB_VERBOSE, 1)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(endpoint)

    def wait_for(self, *topics):
        """Until somebody has subscribed to all of them, once for each call."""
        missing = set(topics)
        while missing and self.socket.poll(int(DEADLINE * 1000)):
            message = self.socket.recv()
            if message[0] == 1:
                missing.discard(message[1:])
        if missing:
            raise AssertionError(f"nobody subscribed to {missing}")

    def publish(self, *frames):
        for f in frames:
            self.socket.send(f)

    def close(self):
        self.socket.close(0)


class FakeCache:
    """Answers as docs/CACHE-PROTOCOL.md says, from tables."""

    NOBODY = (b"404", b"down", b"%d" % (2**63 - 1), b"%d" % (2**63 - 1), b"")

    def __init__(self, context, endpoint):
        self.endpoint = endpoint
        self.gateways = []  # endpoints
        self.topics = {}  # topic: (status, state, age_ns, proven_ns, payload)
        self.reasons = {}  # topic: (reason, since_ns), where it is not ("none", "")
        self.names = {}
        self.histories = {}  # topic: [payload], the oldest first
        self.asked = []
        self.silent = False
        self.stopping = threading.Event()
        self.socket = context.socket(zmq.ROUTER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(endpoint)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while not self.stopping.is_set():
            if not self.socket.poll(20):
                continue
            frames = self.socket.recv_multipart()
            at = frames.index(b"")
            verb, args = frames[at + 2].decode(), [a.decode() for a in frames[at + 3:]]
            self.asked.append((verb, *args))
            if not self.silent:
                answer = getattr(self, "answer_" + verb.lower())(args)
                self.socket.send_multipart(frames[:at + 1] + [b"BC1"] + answer)
        self.socket.close(0)

    def answer_gateways(self, _):
        rows = [{"exchange": "upbit", "endpoint": e} for e in self.gateways]
        return [b"200", json.dumps({"gateways": rows}).encode()]

    def answer_get(self, topics):
        if "refuse.this.book" in topics:
            return [b"400", b"because"]
        return [b"200", *(f for t in topics for f in self.topics.get(t, self.NOBODY))]

    def answer_state(self, topics):
        answer = [b"200"]
        for topic in topics:
            status, state, age, proven, _ = self.topics.get(topic, self.NOBODY)
            answer += [status, state, *self.reasons.get(topic, (b"none", b"")), age, proven]
        return answer

    def answer_latest(self, topics):
        if "refuse.this.book" in topics:
            return [b"400", b"because"]
        return [b"200", *(b" ".join(self.answer_state([t])[1:]) + b"\n" +
                          self.topics.get(t, self.NOBODY)[4] for t in topics)]

    def answer_trades(self, args):
        topic, n = args
        if not 1 <= int(n) <= 10000:
            return [b"400", b"n must be a number from 1 to 10000"]
        return self.answer_state([topic]) + self.histories.get(topic, [])[-int(n):]

    answer_candles = answer_trades

    def answer_resolve(self, args):
        known = [self.names.get(a) for a in args[1:]]
        return [b"200", *(f for n in known
                          for f in ((b"200", n.encode()) if n else (b"404", b"")))]

    def holds(self, topic, payload_frame, state="live", age=5, proven=3, reason="none", since=""):
        payload = payload_frame.split(b"\0", 1)[1] if payload_frame else b""
        self.topics[topic] = (b"200" if payload else b"503", state.encode(), b"%d" % age,
                              b"%d" % proven, payload)
        self.reasons[topic] = (reason.encode(), str(since).encode())

    def close(self):
        self.stopping.set()
        self.thread.join()


class Vectors(unittest.TestCase):
    def test_every_vector_decodes_to_its_json(self):
        paths = sorted(VECTORS.glob("*.hex"))
        self.assertGreaterEqual(len(paths), 2 * len(bookcast.CHANNELS))
        for path in paths:
            with self.subTest(path.stem):
                got = bookcast.decode(bytes.fromhex(path.read_text())).as_dict()
                want = json.loads(path.with_suffix(".json").read_text())
                self.assertEqual(list(got), list(want))
                for key, value in want.items():
                    if isinstance(got[key], Decimal):
                        self.assertEqual(got[key], Decimal(value))
                    elif key in ("bids", "asks"):
                        self.assertEqual(got[key], [(Decimal(p), Decimal(q)) for p, q in value])
                    else:
                        self.assertEqual(got[key], value)

    def test_decimals_are_exact_whatever_the_context(self):
        with decimal.localcontext() as context:
            context.prec = 3
            m = bookcast.decode(vector("book-pairs"))
            self.assertEqual(str(m.bids[0][1]), "9223372036854775807")
            self.assertEqual(f"{m.bids[2][0]:f}", "92233720368547758.07")

    def test_a_frame_cut_short_anywhere_is_malformed(self):
        for path in VECTORS.glob("*.hex"):
            whole = bytes.fromhex(path.read_text())
            for n in range(len(whole)):
                with self.assertRaises(bookcast.Malformed, msg=f"{path.stem} at {n}"):
                    bookcast.decode(whole[:n])

    def test_any_byte_changed_is_a_message_or_malformed(self):
        for name in ("book-plain", "heartbeat-plain", "candle-open", "instrument-linear"):
            whole = bytearray(vector(name))
            for at in range(len(whole)):
                for value in (0x00, 0x7f, 0x80, 0x91, 0xa1, 0xc0, 0xc1, 0xcb, 0xdd, 0xff):
                    changed = bytes(whole[:at]) + bytes([value]) + bytes(whole[at + 1:])
                    try:
                        bookcast.decode(changed)
                    except bookcast.Malformed:
                        pass

    def test_newer_versions(self):
        topic, payload = vector("book-plain").split(b"\0", 1)
        outer = msgpack.unpackb(payload)
        with self.assertRaises(bookcast.Malformed):
            bookcast.decode(topic + b"\0" + msgpack.packb([2, *outer[1:]]))
        outer[1][0] = 99
        self.assertIsNone(bookcast.decode(topic + b"\0" + msgpack.packb(outer)))

    def test_a_message_says_what_it_lacks(self):
        m = bookcast.decode(vector("trade-plain"))
        self.assertEqual(m.side, "buy")
        with self.assertRaisesRegex(AttributeError, "trade message has no 'bids'"):
            m.bids


class OnTheBus(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.context = zmq.Context()
        self.addCleanup(self.context.term)
        self.cache = FakeCache(self.context, self.endpoint("cache"))
        self.addCleanup(self.cache.close)
        self.gateway = self.new_gateway("a")
        self.cache.gateways = [self.gateway.endpoint]
        self.bus = bookcast.connect(self.cache.endpoint)
        self.addCleanup(self.bus.close)

    def endpoint(self, name):
        return f"ipc://{self.directory.name}/{name}"

    def new_gateway(self, name):
        gateway = FakeGateway(self.context, self.endpoint(name))
        self.addCleanup(gateway.close)
        return gateway

    def follow_book(self):
        self.bus.subscribe("upbit", "KRW-BTC", "book")
        self.gateway.wait_for(STATE_TOPIC.encode() + b"\0")  # the last filter that is set
        self.gateway.publish(heartbeat(self.gateway.endpoint))

    def received(self):
        m = self.bus.recv(DEADLINE)
        self.assertIsNotNone(m, "nothing came")
        return m

    def until(self, condition, what):
        deadline = time.monotonic() + DEADLINE
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            self.bus.recv(0.01)

    # ------------------------------------------------------------------ the stream

    def test_messages_come_in_order_and_exact(self):
        self.follow_book()
        self.gateway.publish(frame(seq=1), frame(seq=2), frame(seq=3))
        for seq in (1, 2, 3):
            m = self.received()
            self.assertEqual((m.topic, m.seq, m.lost), (BOOK, seq, 0))
        self.assertEqual(m.bids[0], (Decimal("137263000"), Decimal("0.2539")))
        self.assertIsNone(self.bus.recv(0))

    def test_only_what_was_asked_for_is_returned(self):
        self.follow_book()
        self.gateway.publish(frame("state-symbol", seq=1), frame(seq=1))
        self.assertEqual(self.received().channel, "book")
        self.bus.subscribe("upbit", "KRW-BTC")
        self.gateway.wait_for(b"upbit.KRW-BTC.")
        self.gateway.publish(frame("trade-plain", seq=1), frame("ticker-plain", seq=1),
                             frame("candle-open", seq=1), frame("state-symbol", seq=2))
        self.assertEqual([self.received().channel for _ in range(4)],
                         ["trade", "ticker", "candle", "state"])

    def test_welcomes_and_duplicates_are_dropped(self):
        self.follow_book()
        self.gateway.publish(frame(seq=5), frame(seq=5, flags=2), frame(seq=4), frame(seq=6))
        self.assertEqual([self.received().seq, self.received().seq], [5, 6])
        self.assertEqual(self.bus.counters["duplicates"], 2)

    def test_latency_counts_from_the_publication(self):
        self.follow_book()
        self.assertEqual(self.bus.latency()["count"], 0)
        ago = [5_000_000] * 90 + [700_000_000] * 10 + [-60_000_000_000]
        for seq, ns in enumerate(ago, 1):
            self.gateway.publish(frame(seq=seq, ts_publish=time.time_ns() - ns))
            self.assertEqual(self.received().seq, seq)
        self.gateway.publish(frame(seq=200, flags=2))
        self.assertEqual(self.received().seq, 200)
        told = self.bus.latency()
        self.assertEqual((told["count"], told["negative"]), (100, 1))
        values = [told[key] for key in ("p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns")]
        self.assertEqual(values, sorted(values))
        self.assertTrue(5_000_000 <= told["p50_ns"] < 700_000_000, told)
        self.assertTrue(700_000_000 <= told["p99_ns"] <= told["max_ns"], told)
        self.assertGreater(told["window_ns"], 0)

    def test_latency_is_of_the_last_minute_and_its_quantiles_are_near(self):
        delays = bookcast._Delays(0.0)
        values = [i * i * 37 % 1_000_003 for i in range(1, 2001)]
        for ns in values:
            delays.record(ns, 1.0)
        told = delays.told(1.0)
        values.sort()
        for name, at in (("p50_ns", 1000), ("p90_ns", 1800), ("p99_ns", 1980), ("p999_ns", 1998)):
            self.assertTrue(values[at - 1] <= told[name] <= values[at - 1] * 1.033, (name, told))
        self.assertEqual(told["max_ns"], values[-1])
        delays.record(5, 31.0)
        self.assertEqual(delays.told(31.0)["count"], 2001)
        delays.record(7, 62.0)
        self.assertEqual((delays.told(62.0)["count"], delays.told(62.0)["max_ns"]), (2, 7))

    def test_thousands_of_subscriptions_wait_for_a_gateway_that_comes_later(self):
        self.cache.gateways = [self.endpoint("late")]
        bus = bookcast.connect(self.cache.endpoint)
        self.addCleanup(bus.close)
        symbols = [f"KRW-{i}" for i in range(2000)]
        for symbol in symbols:
            bus.subscribe("upbit", symbol, "book")
        late = self.new_gateway("late")
        late.wait_for(*(f"upbit.{s}.book".encode() + b"\0" for s in symbols))

    def test_rubbish_is_counted_and_costs_nothing_else(self):
        self.follow_book()
        self.gateway.publish(BOOK.encode() + b"\0rubbish", BOOK.encode() + b"\0", frame(seq=1))
        self.assertEqual(self.received().seq, 1)
        self.assertEqual(self.bus.counters["malformed"], 2)

    def test_a_gap_is_counted_and_repaired_from_the_cache(self):
        self.follow_book()
        self.cache.holds(BOOK, frame(seq=9))
        self.gateway.publish(frame(seq=1), frame(seq=5))
        self.assertEqual(self.received().lost, 0)
        self.assertEqual(self.received().lost, 3)
        repaired = self.received()
        self.assertEqual((repaired.seq, repaired.lost), (9, 3))  # 6 to 8 never came either
        self.assertIn(("GET", BOOK), self.cache.asked)
        self.gateway.publish(frame(seq=10))
        self.assertEqual(self.received().lost, 0)
        counters = self.bus.counters
        self.until(lambda: counters["repaired"] == 2, "that there is nothing newer")
        self.assertEqual((counters["gaps"], counters["lost"]), (2, 6))
        self.assertEqual(self.bus.audit("upbit", "KRW-BTC", "book"),
                         bookcast.Account(published=10, received=4, lost=6))

    def test_lost_trades_are_not_called_repaired(self):
        self.bus.subscribe("upbit", "KRW-BTC", "trade")
        self.gateway.wait_for(STATE_TOPIC.encode() + b"\0")
        self.gateway.publish(frame("trade-plain", seq=1), frame("trade-plain", seq=3))
        self.assertEqual([self.received().lost, self.received().lost], [0, 1])
        self.assertIsNone(self.bus.recv(0))
        self.assertEqual((self.bus.counters["lost"], self.bus.counters["repaired"]), (1, 0))

    # ------------------------------------------------------------------ slow readers

    def follow_all(self):
        self.bus.subscribe("upbit", "KRW-BTC")
        self.gateway.wait_for(b"upbit.KRW-BTC.")
        self.gateway.publish(heartbeat(self.gateway.endpoint))

    def assert_account(self, channel, **numbers):
        self.assertEqual(self.bus.audit("upbit", "KRW-BTC", channel), bookcast.Account(**numbers), channel)

    def test_the_latest_is_the_newest_of_each_and_every_trade(self):
        self.bus.policy("latest")
        self.follow_all()
        n, books, trades, told = 0, [], [], [0, 0, 0]
        while told[1] == 0:  # more than one at a time has come, mostly at once
            for seq in range(n + 1, n + 101):
                if seq % 10:
                    self.gateway.publish(frame(seq=seq, state=5 if seq % 4 == 0 else 2))
                self.gateway.publish(frame("trade-plain", seq=seq))
            n += 100
            self.gateway.publish(frame(seq=n))
            while not trades or trades[-1] != n or books[-1] != n:
                m = self.received()
                if m.channel == "trade":
                    trades.append(m.seq)
                    continue
                self.assertEqual(m.seq - (books[-1] if books else 0) - 1, m.lost + m.replaced)
                books.append(m.seq)
                told = [a + b for a, b in zip(told, (m.lost, m.replaced, m.unfit))]
        self.assertEqual(trades, list(range(1, n + 1)))
        self.assertEqual(told[0], n // 10 - n // 100)
        self.assertTrue(0 < told[2] <= told[1])
        self.assert_account("book", published=n, received=len(books), lost=told[0], conflated=told[1])
        self.assert_account("trade", published=n, received=n)
        self.assertEqual(self.bus.audit().published, 2 * n)
        self.assertIsNone(self.bus.recv(0))

    def test_the_policy_is_changed_while_messages_wait(self):
        self.follow_all()
        heard = []
        for turn in range(20):
            self.bus.policy(("latest", "all")[turn % 2])
            self.gateway.publish(*(frame(name, seq=turn * 10 + i) for i in range(1, 11)
                                   for name in ("book-plain", "trade-plain")))
            heard.append(self.received())
        while heard[-1].seq != 200 or {m.channel for m in heard if m.seq == 200} != {"book", "trade"}:
            heard.append(self.received())
        for channel in ("book", "trade"):
            mine = [m for m in heard if m.channel == channel]
            self.assertEqual([m.seq for m in mine], sorted({m.seq for m in mine}))
            a = self.bus.audit("upbit", "KRW-BTC", channel)
            self.assertEqual((a.published, a.received + a.conflated, a.received), (200, 200, len(mine)))
            self.assertEqual(sum(m.replaced for m in mine), a.conflated)
        self.assertEqual(a.conflated, 0)
        self.assertRaises(ValueError, self.bus.policy, "some")

    def test_who_hears_trades_alone_is_told_that_their_symbol_was_unfit(self):
        self.bus.subscribe("upbit", "KRW-BTC", "trade")
        self.gateway.wait_for(STATE_TOPIC.encode() + b"\0")
        self.gateway.publish(frame("trade-plain", seq=1))
        self.assertEqual(self.received().unfit, 0)
        self.gateway.publish(frame("state-symbol", seq=1, state=5), frame("state-symbol", seq=2, state=2),
                             frame("trade-plain", seq=2), frame("trade-plain", seq=3))
        self.assertEqual([self.received().unfit, self.received().unfit], [1, 0])

    def test_at_the_bound_the_oldest_is_lost_and_told(self):
        self.bus.policy("latest")
        self.bus._ready.MAX_MORE = 5
        self.follow_all()
        self.gateway.publish(*(frame("trade-plain", seq=seq) for seq in range(1, 101)), frame(seq=1))
        last, lost = 0, 0
        while last < 100:
            m = self.received()
            if m.channel == "trade":
                self.assertEqual(m.seq - last - 1, m.lost)
                last, lost = m.seq, lost + m.lost
        self.assert_account("trade", published=100, received=100 - lost, lost=lost)
        self.assertGreater(lost, 0)

    def test_no_heartbeats_of_libzmq(self):
        """It ends a process that does not read and whose gateway goes: unit/bus_socket_test does it."""
        self.assertEqual(self.bus._sub.getsockopt(zmq.HEARTBEAT_IVL), 0)
        self.assertEqual(self.bus._sub.getsockopt(zmq.TCP_KEEPALIVE), 1)

    def test_a_silent_cache_does_not_hold_up_the_stream(self):
        self.follow_book()
        self.cache.silent = True
        self.bus.timeout = 60.0
        self.gateway.publish(*(frame(seq=s) for s in range(1, 200, 2)))
        started = time.monotonic()
        for s in range(1, 200, 2):
            self.assertEqual(self.received().seq, s)
        self.assertLess(time.monotonic() - started, DEADLINE)
        self.assertEqual(self.bus.counters["gaps"], 99)

    # ------------------------------------------------------------------ gateways

    def test_a_restart_is_followed_and_stragglers_are_dropped(self):
        self.follow_book()
        self.gateway.publish(frame(seq=7))
        self.received()
        newer = EPOCH + 1000
        self.gateway.publish(heartbeat(self.gateway.endpoint, epoch=newer),
                             frame(seq=1, epoch=newer), frame(seq=8), frame(seq=2, epoch=newer))
        self.assertEqual([(m.epoch, m.seq, m.lost) for m in (self.received(), self.received())],
                         [(newer, 1, 0), (newer, 2, 0)])
        self.assertEqual(self.bus.counters["stragglers"], 1)

    def test_a_silent_gateway_makes_its_symbols_stale_until_it_speaks_again(self):
        self.follow_book()
        self.gateway.publish(heartbeat(self.gateway.endpoint, 0.03, seq=2), frame(seq=1, flags=0))
        self.assertEqual(self.received().state, "live")
        m = self.received()
        self.assertEqual((m.channel, m.symbol, m.state, m.reason, m.previous, m.seq),
                         ("state", "KRW-BTC", "stale", "gateway", "live", None))
        state = self.bus.state("upbit", "KRW-BTC")
        self.assertEqual((state.state, state.reason, state.fit), ("stale", "gateway", False))
        self.assertFalse(self.bus.fit("upbit", "KRW-BTC"))
        self.assertEqual(self.bus.latest("upbit", "KRW-BTC", "book").state, "stale")

        # It was only late. Its word from before does not count any more; its welcome does.
        self.gateway.publish(heartbeat(self.gateway.endpoint, 60.0, seq=3))
        self.until(lambda: not self.bus._gateways["upbit", EPOCH].gone(time.monotonic()),
                   "the heartbeat was not heard")
        self.assertFalse(self.bus.fit("upbit", "KRW-BTC"))
        self.gateway.wait_for(BOOK.encode() + b"\0")  # asked once more
        self.gateway.publish(frame(seq=1, flags=2))
        self.until(lambda: self.bus.fit("upbit", "KRW-BTC"), "the welcome did not count")
        self.assertIsNone(self.bus.recv(0))

    def test_a_gateway_that_moves_is_followed(self):
        self.follow_book()
        elsewhere = self.new_gateway("b")
        self.cache.gateways = [elsewhere.endpoint]
        newer = EPOCH + 1
        # The old one goes silent; the cache knows where the new one is.
        self.gateway.publish(heartbeat(self.gateway.endpoint, 0.03, seq=2), frame(seq=1))
        self.received()
        self.until(lambda: elsewhere.endpoint in self.bus._connected, "did not move")
        elsewhere.wait_for(BOOK.encode() + b"\0")
        elsewhere.publish(heartbeat(elsewhere.endpoint, epoch=newer), frame(seq=1, epoch=newer))
        self.until(lambda: self.bus.fit("upbit", "KRW-BTC"), "the new one was not heard")
        self.assertNotIn(self.gateway.endpoint, self.bus._connected)

    def test_a_cache_that_knows_nobody_takes_no_one_away(self):
        self.follow_book()
        self.gateway.publish(frame(seq=1))
        self.received()
        self.cache.gateways = []
        asked = len(self.cache.asked)
        self.bus._next_ask = 0.0
        self.until(lambda: len(self.cache.asked) > asked and self.bus._background.deadline is None,
                   "the cache was not asked")
        self.gateway.publish(frame(seq=2))
        self.assertEqual(self.received().seq, 2)

    def follow_two_lines(self, topic=BOOK, channel="book"):
        """Both have been heard and have said the book, or trade, number 1."""
        self.other, self.b = self.new_gateway("b"), EPOCH + 500
        self.cache.gateways.append(self.other.endpoint)
        self.bus._next_ask = 0.0
        self.bus.subscribe("upbit", "KRW-BTC", channel)
        self.until(lambda: self.other.endpoint in self.bus._connected, "did not connect")
        for gateway in (self.gateway, self.other):
            gateway.wait_for(STATE_TOPIC.encode() + b"\0", topic.encode() + b"\0")
        self.gateway.publish(heartbeat(self.gateway.endpoint), self.line("a", 1, topic))
        self.assertEqual(self.received().epoch, EPOCH)
        self.other.publish(heartbeat(self.other.endpoint, epoch=self.b, instance="b"),
                           self.line("b", 1, topic))
        self.until(lambda: len(self.bus._topics[topic]) == 2, "the other line was not heard")
        self.assertIsNone(self.bus.recv(0), "both lines were delivered")

    def line(self, which, n, topic=BOOK, seq=None, **changes):
        """What line a or b says of update n, in a message numbered as it is, or `seq`."""
        epoch = EPOCH if which == "a" else self.b
        if topic == BOOK:
            return frame(seq=seq or n, epoch=epoch, exchange_seq=1000 + n, **changes)
        body = msgpack.unpackb(vector("trade-plain").split(b"\0", 1)[1])[2]
        body[5] = f"{1000 + n}"
        return frame("trade-plain", body=body, seq=seq or n, epoch=epoch, exchange_seq=None,
                     ts_exchange=1_700_000_000_000_000_000 + n, **changes)

    def test_of_two_lines_the_first_good_copy(self):
        self.follow_two_lines()
        self.other.publish(self.line("b", 2))
        self.assertEqual(self.received().epoch, self.b)
        self.gateway.publish(self.line("a", 2))
        self.gateway.publish(self.line("a", 3))
        m = self.received()
        self.assertEqual((m.epoch, m.exchange_seq), (EPOCH, 1003))
        # The one is in doubt: what it says is not handed out while the other one is fit.
        self.gateway.publish(self.line("a", 3, seq=4, state=STALE, reason=GAP, since=EPOCH * 1000))
        self.until(lambda: self.bus._symbols["upbit", "KRW-BTC"][EPOCH].state == "stale", "not heard")
        self.assertIsNone(self.bus.recv(0))
        self.assertTrue(self.bus.fit("upbit", "KRW-BTC"), "the other line is fit")
        self.assertEqual(self.bus.latest("upbit", "KRW-BTC", "book").epoch, self.b)
        self.other.publish(self.line("b", 3))
        self.other.publish(self.line("b", 4))
        m = self.received()
        self.assertEqual((m.epoch, m.exchange_seq), (self.b, 1004))
        self.assertEqual(self.bus.counters["lost"], 0)
        self.assertEqual(self.bus.counters["arbitrated"], 4)

    def test_a_trade_that_one_line_lost_comes_from_the_other(self):
        topic = "upbit.KRW-BTC.trade"
        self.follow_two_lines(topic, "trade")
        self.gateway.publish(self.line("a", 2, topic), self.line("a", 5, topic))
        self.assertEqual([self.received().trade_id for _ in range(2)], ["1002", "1005"])
        self.assertEqual(self.bus.counters["lost"], 0, "the other one may still bring it")
        self.other.publish(*(self.line("b", n, topic) for n in (2, 3, 4, 5, 6)))
        self.assertEqual([self.received().trade_id for _ in range(3)], ["1003", "1004", "1006"])
        self.assertEqual((self.bus.counters["filled"], self.bus.counters["lost"]), (2, 0))
        # And what the other one cannot bring any more is lost.
        self.gateway.publish(self.line("a", 9, topic))
        m = self.received()
        self.assertEqual((m.trade_id, m.lost), ("1009", 0))
        self.other.publish(heartbeat(self.other.endpoint, 0.01, self.b, "b", seq=2))
        self.until(lambda: self.bus.counters["lost"] == 3, "not counted")

    def test_lines_that_are_gone_are_forgotten(self):
        topic = "upbit.KRW-BTC.trade"
        self.follow_two_lines(topic, "trade")
        restarts = 20
        for n in range(2, 2 + restarts):
            self.b += 1
            self.other.publish(heartbeat(self.other.endpoint, epoch=self.b, instance="b"),
                               self.line("b", n, topic, seq=1))
            self.assertEqual(self.received().trade_id, f"{1000 + n}")
        for known in (self.bus._topics[topic], self.bus._symbols["upbit", "KRW-BTC"], self.bus._gateways):
            self.assertLessEqual(len(known), 2 + bookcast._Arbiter.GONE)
        lines = self.bus._arbiters[topic].lines
        self.assertLessEqual(len(lines), 2 + bookcast._Arbiter.GONE)
        self.assertTrue({EPOCH, self.b} < set(lines), "those that are there are kept")
        # What one of them misses the newest of those that are gone may have brought.
        self.gateway.publish(self.line("a", 1 + restarts, topic, seq=2 + restarts))
        self.until(lambda: sum(self.bus.counters[c] for c in ("filled", "lost")) > 0, "not settled")

    def test_a_book_does_not_go_back_when_the_line_ahead_dies(self):
        self.follow_two_lines()
        self.gateway.publish(self.line("a", 2), self.line("a", 9, seq=3))
        self.assertEqual([self.received().exchange_seq for _ in range(2)], [1002, 1009])
        self.gateway.publish(heartbeat(self.gateway.endpoint, 0.01, seq=2))
        self.until(lambda: any(g.reported for g in self.bus._gateways.values()), "not missed")
        self.other.publish(self.line("b", 2), self.line("b", 3))
        self.until(lambda: self.bus._withheld, "not heard")
        self.assertIsNone(self.bus.recv(0))
        self.assertTrue(self.bus.fit("upbit", "KRW-BTC"))
        self.bus._arbiters[BOOK].behind -= bookcast._Arbiter.PATIENCE
        m = self.received()
        self.assertEqual((m.exchange_seq, m.epoch), (1003, self.b), "believed, when nothing newer comes")

    # ------------------------------------------------------------------ questions

    def test_state_follows_the_newest_word_of_the_symbol(self):
        self.follow_book()
        self.gateway.publish(frame(seq=1))
        self.received()
        state = self.bus.state("upbit", "KRW-BTC")
        self.assertTrue(state.fit)
        self.assertEqual((state.state, state.reason), ("live", "none"))
        self.assertLess(state.proven_ns, DEADLINE * 1e9)
        self.assertTrue(self.bus.fit("upbit", "KRW-BTC", max_age=DEADLINE))
        self.assertFalse(self.bus.fit("upbit", "KRW-BTC", max_age=0))
        later = state.since + 1
        # A gateway whose wall clock was set back still says the truth.
        self.gateway.publish(frame("state-symbol", seq=1, state=STALE, reason=GAP, since=5))
        self.until(lambda: not self.bus.fit("upbit", "KRW-BTC"), "the news did not count")
        self.gateway.publish(frame("state-symbol", seq=2, state=STALE, reason=GAP, since=later),
                             frame(seq=2, flags=2))  # a welcome with the state from before
        self.assertEqual(self.received().seq, 2)
        self.assertEqual(self.bus.state("upbit", "KRW-BTC")[:3], ("stale", "gap", later))
        self.gateway.publish(frame("state-symbol", seq=3, state=REST, reason=0, since=later + 1))
        self.until(lambda: self.bus.state("upbit", "KRW-BTC").state == "rest", "no rest")
        self.assertFalse(self.bus.fit("upbit", "KRW-BTC"))
        self.assertTrue(self.bus.fit("upbit", "KRW-BTC", allow_rest=True))

    def test_what_is_not_subscribed_is_asked_of_the_cache(self):
        self.cache.holds(BOOK, frame(seq=4), state="stale", age=77, proven=55, reason="gap",
                         since=8)
        self.cache.holds(STATE_TOPIC, frame("state-symbol"), state="stale", reason="gap", since=9)
        self.cache.holds("upbit.KRW-NEW.book", b"", state="connecting")
        m = self.bus.latest("upbit", "KRW-BTC", "book")
        self.assertEqual((m.seq, m.state, m.reason, m.since, m.age_ns, m.proven_ns),
                         (4, "stale", "gap", 8, 77, 55))
        self.assertEqual(self.bus.state("upbit", "KRW-BTC"), ("stale", "gap", 9, 5, 3))
        self.assertFalse(self.bus.fit("upbit", "KRW-BTC"))
        # The message says why it was stale; by now it is for another reason.
        stale = {"state": "stale", "reason": "gateway"}
        self.cache.holds(BOOK, frame(seq=4, state=STALE, reason=GAP), **stale)
        self.cache.holds(STATE_TOPIC, frame("state-symbol", state=STALE, reason=GAP), **stale)
        m = self.bus.latest("upbit", "KRW-BTC", "book")
        self.assertEqual((m.state, m.reason, m.since), ("stale", "gateway", None))
        self.assertEqual(self.bus.state("upbit", "KRW-BTC")[:3], ("stale", "gateway", None))
        self.assertIsNone(self.bus.latest("upbit", "KRW-NEW", "book"))
        with self.assertRaises(bookcast.NotFound):
            self.bus.latest("upbit", "KRW-NOT", "book")
        with self.assertRaises(bookcast.NotFound):
            self.bus.state("upbit", "KRW-NOT")
        self.assertFalse(self.bus.fit("upbit", "KRW-NOT"))
        with self.assertRaisesRegex(bookcast.Refused, "because"):
            self.bus.latest("refuse", "this", "book")

    def test_history_is_not_the_newest_though_it_comes_last(self):
        trades = "upbit.KRW-BTC.trade"
        self.bus.subscribe("upbit", "KRW-BTC", "trade")
        self.gateway.wait_for(trades.encode() + b"\0")
        self.gateway.publish(frame("trade-plain", seq=1, ts_exchange=50, flags=0),
                             frame("trade-plain", seq=2, ts_exchange=40, flags=5),
                             frame("trade-plain", seq=3, ts_exchange=45, flags=5))
        self.assertEqual([self.received().seq for _ in range(3)], [1, 2, 3])
        self.assertEqual(self.bus.latest("upbit", "KRW-BTC", "trade").seq, 1)
        self.gateway.publish(frame("trade-plain", seq=4, ts_exchange=49, flags=0))
        self.assertEqual(self.received().seq, 4)
        self.assertEqual(self.bus.latest("upbit", "KRW-BTC", "trade").seq, 4)

    def test_of_trades_at_one_time_the_id_says_which_is_the_newest(self):
        trades = "upbit.KRW-BTC.trade"
        self.bus.subscribe("upbit", "KRW-BTC", "trade")
        self.gateway.wait_for(trades.encode() + b"\0")
        for seq, trade_id, flags, newest in ((1, "99", 0, 1), (2, "100", 0, 2), (3, "99", 5, 2),
                                             (4, "100", 5, 2), (5, "101", 5, 5)):
            body = msgpack.unpackb(vector("trade-plain").split(b"\0", 1)[1])[2]
            body[5] = trade_id
            self.gateway.publish(frame("trade-plain", body=body, seq=seq, ts_exchange=50, flags=flags))
            self.assertEqual(self.received().seq, seq, "all are heard")
            self.assertEqual(self.bus.latest("upbit", "KRW-BTC", "trade").seq, newest)

    def test_trades_and_candles_that_the_cache_has_kept(self):
        def payloads(name, seqs):
            return [frame(name, seq=s).split(b"\0", 1)[1] for s in seqs]
        trades, candles = "upbit.KRW-BTC.trade", "upbit.KRW-BTC.candle-1m"
        self.cache.names["BTC/KRW"] = "KRW-BTC"
        self.cache.holds(trades, frame("trade-plain"), state="stale", age=7, proven=6, reason="gap", since=9)
        self.cache.histories[trades] = payloads("trade-plain", (4, 5, 6))
        self.cache.holds(candles, frame("candle-open"))
        self.cache.histories[candles] = payloads("candle-open", (7, 8))
        got = self.bus.trades("upbit", "BTC/KRW", n=2)
        self.assertEqual([(m.topic, m.seq, m.price) for m in got],
                         [(trades, s, Decimal("137264000")) for s in (5, 6)])
        self.assertEqual({(m.state, m.reason, m.since, m.age_ns, m.proven_ns) for m in got},
                         {("stale", "gap", 9, 7, 6)})
        got = self.bus.candles("upbit", "KRW-BTC")
        self.assertEqual([(m.seq, m.interval, m.state) for m in got], [(7, "1m", "live"), (8, "1m", "live")])
        self.assertEqual(self.cache.asked[-1], ("CANDLES", candles, "100"))
        self.cache.holds("upbit.KRW-NEW.trade", None)
        self.assertEqual(self.bus.trades("upbit", "KRW-NEW"), [])
        with self.assertRaises(bookcast.NotFound):
            self.bus.trades("upbit", "KRW-NOT")
        with self.assertRaisesRegex(bookcast.Refused, "from 1 to 10000"):
            self.bus.trades("upbit", "KRW-BTC", n=0)
        with self.assertRaises(ValueError):
            self.bus.candles("upbit", "KRW-BTC", "7m")

    def test_unified_names_are_resolved(self):
        self.cache.names["BTC/KRW"] = "KRW-BTC"
        self.assertEqual(self.bus.subscribe("upbit", "BTC/KRW", "book"), "KRW-BTC")
        self.gateway.wait_for(BOOK.encode() + b"\0")
        self.gateway.publish(frame(seq=1))
        self.assertEqual(self.received().symbol, "KRW-BTC")
        self.assertTrue(self.bus.fit("upbit", "BTC/KRW"))
        with self.assertRaises(bookcast.NotFound):
            self.bus.subscribe("upbit", "NOT/HERE", "book")

    def test_no_answer_is_told_in_time_and_a_late_one_is_not_taken_for_another(self):
        self.bus.timeout = 0.1
        self.cache.holds(BOOK, frame(seq=4))
        self.cache.silent = True
        with self.assertRaises(bookcast.NoAnswer):
            self.bus.latest("upbit", "KRW-BTC", "book")
        self.assertFalse(self.bus.fit("upbit", "KRW-BTC"))
        self.cache.silent = False
        self.bus.timeout = DEADLINE
        self.assertEqual(self.bus.latest("upbit", "KRW-BTC", "book").seq, 4)


class Connecting(unittest.TestCase):
    def test_nobody_there_is_an_error_in_time(self):
        with tempfile.TemporaryDirectory() as directory:
            started = time.monotonic()
            with self.assertRaises(bookcast.NoAnswer):
                bookcast.connect(f"ipc://{directory}/cache", timeout=0.1)
            self.assertLess(time.monotonic() - started, DEADLINE)

    def test_the_default_endpoint_is_that_of_the_run_directory(self):
        saved = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(saved)))
        os.environ["BOOKCAST_CACHE"] = "tcp://cache:1"
        self.assertEqual(bookcast._default_cache(), "tcp://cache:1")
        del os.environ["BOOKCAST_CACHE"]
        os.environ["BOOKCAST_RUN_DIR"] = "/x/y"
        self.assertEqual(bookcast._default_cache(), "ipc:///x/y/cache.rpc")


if __name__ == "__main__":
    unittest.main(verbosity=1)
