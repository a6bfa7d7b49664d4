"""Anything at all sent to the sockets of the cache and the gateway: an answer that says what is wrong, or
silence, but never an end of the service."""
import contextlib
import os
import random
import socket

import zmq

import bookcast_test
import zmtp

BOOK = "upbit.KRW-BTC.book"


class GarbageTest(bookcast_test.Case):
    def setUp(self):
        super().setUp()
        self.sim = self.start_sim("--symbols", 1)
        self.gateway = self.start_gateway(self.sim, "--bind", "tcp://127.0.0.1:0")
        self.cache = self.start_cache("--bind", "tcp://127.0.0.1:0")
        self.wait_fit(1)

    def assert_alive(self):
        for process in (self.gateway, self.cache):
            self.assertTrue(process.running(), process.err)
        reply = self.ask_cache("BC1", "GET", BOOK)
        self.assertEqual(reply[:2], [b"BC1", b"200"])
        self.assertEqual(self.ask_control("BC1", "HEALTH")[:2], [b"BC1", b"200"])

    def ask_control(self, *frames):
        return bookcast_test.ask(self.context, f"ipc://{self.run_dir}/upbit.0.ctl", frames)

    def test_requests_that_are_wrong_are_told_why(self):
        rows = (
            (("BC9", "GET", BOOK), b"400"),
            (("HTTP/1.1",), b"400"),
            (("",), b"400"),
            (("BC1",), b"400"),
            (("BC1", ""), b"400"),
            (("BC1", "FROBNICATE"), b"400"),
            (("BC1", "get", BOOK), b"400"),
            (("BC1", "GET"), b"400"),
            (("BC1", "MATCH"), b"400"),
            (("BC1", "GET", *["upbit.X.book"] * 10_001), b"400"),
            (("BC1", "TRADES", "upbit.KRW-BTC.trade", "many"), b"400"),
            (("BC1", "\0\xff" * 100), b"400"),
        )
        for frames, status in rows:
            with self.subTest(frames[:3]):
                reply = self.ask_cache(*frames)
                self.assertEqual(reply[:2], [b"BC1", status])
                self.assertGreater(len(reply[2]), 5, "no reason")
                self.assertEqual(self.ask_control(*frames)[1], status)
        self.assert_alive()

    def test_topics_nobody_serves(self):
        reply = self.ask_cache("BC1", "GET", "upbit.KRW-NONE.book", "", "no-topic", "a" * 4096, b"\xff\0\xff", BOOK)
        self.assertEqual(reply[:2], [b"BC1", b"200"])
        statuses = reply[2::5]
        self.assertEqual(len(statuses), 6)
        self.assertEqual(statuses[-1], b"200", "a bad topic must not cost its neighbour")
        self.assertTrue(set(statuses[:-1]) <= {b"404", b"400"}, statuses)
        status, out, err = self.cli("get", "upbit", "krw-btc")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("krw-btc", err)
        self.assertEqual(self.cli("get", "upbit.NO-*")[0], 2)
        self.assertEqual(self.cli("get", "mtgox", "BTCUSD")[0], 2)
        self.assert_alive()

    def test_random_frames_of_any_number(self):
        seed = int(os.environ.get("BOOKCAST_TEST_SEED", "1"))
        chance = random.Random(seed)
        words = [b"BC1", b"GET", b"MATCH", b"STATE", b"LIST", b"HEALTH", b"ADD", b"REMOVE", b"RESYNC", b"", b"\0", BOOK.encode()]
        for endpoint in ("cache.rpc", "upbit.0.ctl"):
            with contextlib.closing(self.context.socket(zmq.DEALER)) as dealer:
                dealer.linger = 0
                dealer.connect(f"ipc://{self.run_dir}/{endpoint}")
                for _ in range(500):
                    frames = [chance.choice(words) if chance.random() < 0.8 else chance.randbytes(chance.randrange(300))
                              for _ in range(chance.randrange(1, 8))]
                    if endpoint.endswith("ctl"):  # what it is right to obey would change the test's world
                        frames = [f for f in frames if f not in (b"ADD", b"REMOVE")] or [b"x"]
                    dealer.send_multipart(frames)
                    dealer.poll(1)
                    with contextlib.suppress(zmq.Again):
                        while True:
                            dealer.recv_multipart(zmq.NOBLOCK)
        self.assert_alive()

    def test_a_request_of_many_megabytes(self):
        before = self.cache.resident_kib()
        with contextlib.closing(self.context.socket(zmq.REQ)) as socket_:
            socket_.linger = 0
            socket_.connect(f"ipc://{self.run_dir}/cache.rpc")
            socket_.send_multipart([b"BC1", b"GET", b"x" * (64 << 20)])
            if socket_.poll(2000):  # refused with a reason, or the connection dropped: both will do
                self.assertEqual(socket_.recv_multipart()[:2], [b"BC1", b"400"])
        self.assert_alive()
        print(f"cache: {before} KiB before, {self.cache.resident_kib()} KiB after 64 MiB in one frame")

    def test_bytes_that_are_not_zmtp(self):
        for name in ("cache.rpc", "upbit.0.ctl", "upbit.0.pub"):
            for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, b"\0" * 10_000, os.urandom(4096), b""):
                with socket.socket(socket.AF_UNIX) as raw:
                    raw.connect(f"{self.run_dir}/{name}")
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        raw.sendall(garbage)
        self.assert_alive()

    def connect(self, process, name, kind):
        """Over TCP where it has that and `name` is none; as ZMTP 3.0, where a subscription is a message."""
        endpoint = [e for e in process.ready["endpoints"] if e.startswith("tcp")][0] if name is None else \
            f"ipc://{self.run_dir}/{name}"
        return zmtp.Peer(endpoint).shake_hands(kind, version=(3, 0))

    def test_a_ping_behind_more_than_a_queue_takes_and_the_end(self):
        """libzmq 4.3.4 ends the process for it: common/recv_guard.h."""
        subscriptions = b"".join(zmtp.message(b"\1%04d" % i) for i in range(100)) + zmtp.ping()
        requests = zmtp.message(b"x") * 2500 + zmtp.ping()
        rows = ((self.gateway, "upbit.0.pub", b"SUB", subscriptions), (self.gateway, None, b"SUB", subscriptions),
                (self.gateway, "upbit.0.ctl", b"DEALER", requests), (self.cache, "cache.rpc", b"DEALER", requests),
                (self.cache, None, b"DEALER", requests))
        for process, name, kind, words in rows:
            with self.subTest(name or "tcp", kind=kind):
                for _ in range(100 if kind == b"SUB" else 20):
                    peer = self.connect(process, name, kind)
                    peer.send(words)
                    peer.reset()
                self.assert_alive()

    def test_who_pings_is_answered(self):
        for process, name in ((self.gateway, "upbit.0.pub"), (self.gateway, None), (self.cache, None)):
            with self.connect(process, name, b"SUB" if process is self.gateway else b"DEALER") as peer:
                peer.send(zmtp.ping() * 10)
                for _ in range(10):
                    self.assertEqual(peer.command(b"PONG"), b"")

    def test_subscriptions_that_are_too_long_cost_only_the_one_who_sent_them(self):
        listener = self.subscribe("upbit.KRW-BTC.")
        listener.wait(lambda m: m.channel == "book", "a book")
        with contextlib.closing(self.context.socket(zmq.SUB)) as greedy:
            greedy.linger = 0
            greedy.connect(f"ipc://{self.run_dir}/upbit.0.pub")
            for size in (241, 256, 4096):
                greedy.subscribe(b"x" * size)
            greedy.poll(200)
        listener.forget()
        listener.wait(lambda m: m.channel == "book", "a book after them")
        self.assertEqual(bookcast_test.holes(listener.heard), [])
        self.assert_alive()


if __name__ == "__main__":
    bookcast_test.main()
