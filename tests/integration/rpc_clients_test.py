"""The cache's socket and the clients that libzmq makes: every kind of socket that may ask, their options, proxies,
many of them, many questions; and those that may not ask."""
import contextlib
import os
import threading

import zmq

import bookcast_test
import fake_gateway
import rpc_case
import zmtp
from bookcast_test import wait_until
from rpc_case import LIST, LISTED

NOT_FOUND = b"404"
HANGS_UP = zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL


class Proxy:
    """ROUTER in front, DEALER behind, in a context of its own."""

    def __init__(self, endpoint, behind):
        self.context = zmq.Context()
        self.front, self.back = self.context.socket(zmq.ROUTER), self.context.socket(zmq.DEALER)
        self.front.linger = self.back.linger = 0
        self.back.ipv6 = True
        self.front.bind(endpoint)
        self.back.connect(behind)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with contextlib.suppress(zmq.ContextTerminated):
            zmq.proxy(self.front, self.back)
        self.front.close()
        self.back.close()

    def close(self):
        self.context.term()
        self.thread.join()


class Tap:
    """Between a client and the cache: passes every byte on, and reads along."""

    def __init__(self, endpoint, behind):
        self.context = zmq.Context()
        self.listener, self.client, self.server = None, None, None
        self.asked, self.answered, self.n_connections = [], [], 0
        self.behind = behind
        self.path = endpoint.removeprefix("ipc://")
        self.listener = zmtp.socket.socket(zmtp.socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.n_connections += 1
            server = zmtp.socket.socket(zmtp.socket.AF_UNIX)
            server.connect(self.behind.removeprefix("ipc://"))
            for source, sink, heard in ((client, server, self.asked), (server, client, self.answered)):
                threading.Thread(target=self.pass_on, args=(source, sink, heard), daemon=True).start()

    @staticmethod
    def pass_on(source, sink, heard):
        reader = zmtp.Reader()
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                heard += reader.feed(data)
                sink.sendall(data)
        for end in source, sink:
            with contextlib.suppress(OSError):
                end.shutdown(zmtp.socket.SHUT_RDWR)

    def close(self):
        self.listener.shutdown(zmtp.socket.SHUT_RDWR)
        self.listener.close()


def contexts(heard, name):
    """Of PINGs (behind their time to live) and PONGs, in order."""
    skipped = 2 if name == b"PING" else 0
    return [item.body[skipped:] for item in heard if isinstance(item, zmtp.Command) and item.name == name]


class RpcClientsTest(rpc_case.Case):
    def test_every_kind_of_socket_that_asks(self):
        rows = (
            ("REQ", zmq.REQ, {}, []),
            ("REQ that correlates", zmq.REQ, {"REQ_CORRELATE": 1}, []),
            ("REQ that may ask twice", zmq.REQ, {"REQ_CORRELATE": 1, "REQ_RELAXED": 1}, []),
            ("REQ with a name", zmq.REQ, {"ROUTING_ID": b"I"}, []),
            ("REQ with the longest name", zmq.REQ, {"ROUTING_ID": b"n" * 255}, []),
            ("DEALER", zmq.DEALER, {}, [b""]),
            ("DEALER with a name", zmq.DEALER, {"ROUTING_ID": b"I"}, [b""]),
            ("DEALER that routes", zmq.DEALER, {}, [b"a", b"b" * 300, b"c", b""]),
            ("ROUTER", zmq.ROUTER, {"CONNECT_ROUTING_ID": b"cache"}, [b"cache", b""]),
            ("ROUTER that routes", zmq.ROUTER, {"CONNECT_ROUTING_ID": b"cache"}, [b"cache", b"a", b""]),
            ("over a socket with little room", zmq.REQ, {"RCVBUF": 2048, "SNDBUF": 2048}, []),
        )
        topics = [b"upbit.%d.book" % i for i in range(300)]
        for name, kind, options, envelope in rows:
            for endpoint in self.endpoints:
                with self.subTest(name, endpoint=endpoint):
                    asker = self.open_socket(kind, endpoint, **options)
                    asker.send_multipart([*envelope, *LIST])
                    self.assertEqual(self.receive(asker), [*envelope, *LISTED])
                    asker.send_multipart([*envelope, b"BC1", b"GET", *topics])
                    answer = self.receive(asker)
                    self.assertEqual(answer[:len(envelope) + 3], [*envelope, *LISTED, NOT_FOUND])
                    self.assertEqual(len(answer), len(envelope) + 2 + 5 * 300)
                    asker.send_multipart([*envelope, b"BC2"])
                    self.assertEqual(self.receive(asker)[:len(envelope) + 2], [*envelope, b"BC1", b"400"])
                    asker.close()
        self.assert_well()

    def test_names_are_the_clients_own(self):
        """Two of the same name are two. (The server of libzmq hears the first one alone.)"""
        askers = [self.open_socket(zmq.DEALER, endpoint, ROUTING_ID=b"me") for endpoint in self.endpoints * 2]
        for n, asker in enumerate(askers):
            asker.send_multipart([b"%d" % n, b"", *LIST])
        for n, asker in enumerate(askers):
            self.assertEqual(self.receive(asker), [b"%d" % n, b"", *LISTED])
            asker.close()
        self.assert_well()

    def test_a_question_that_is_given_up_is_not_answered_by_the_next_one(self):
        asker = self.open_socket(zmq.REQ, self.ipc, REQ_CORRELATE=1, REQ_RELAXED=1)
        for _ in range(20):
            asker.send_multipart([b"BC1", b"GET", b"upbit.KRW-BTC.book"])
            asker.send_multipart(LIST)
            self.assertEqual(self.receive(asker), LISTED)
        asker.close()
        self.assert_well()

    def test_proxies_between(self):
        behind = self.endpoints[-1]
        with contextlib.ExitStack() as stack:
            for i in range(3):
                proxy = Proxy(f"ipc://{self.directory}/proxy.{i}", behind)
                stack.callback(proxy.close)
                behind = f"ipc://{self.directory}/proxy.{i}"
            askers = [self.open_socket(zmq.REQ, behind) for _ in range(8)]
            for turn in range(5):
                for n, asker in enumerate(askers):
                    asker.send_multipart([b"BC1", b"GET"] + [b"upbit.X.book"] * (n + 1))
                for n, asker in enumerate(askers):
                    answer = self.receive(asker)
                    self.assertEqual((answer[:3], len(answer)), ([*LISTED, NOT_FOUND], 2 + 5 * (n + 1)), turn)
            for asker in askers:
                asker.close()
        self.assert_well()

    def test_clients_that_beat(self):
        """A connection on which nothing else is said stays, and each PING has its PONG."""
        tap = Tap(f"ipc://{self.directory}/tap", self.ipc)
        self.addCleanup(tap.close)
        asker = self.open_socket(zmq.DEALER, f"ipc://{tap.path}", HEARTBEAT_IVL=50, HEARTBEAT_TTL=60000,
                                 HEARTBEAT_TIMEOUT=60000)
        asker.send_multipart([b"", *LIST])
        self.assertEqual(self.receive(asker), [b"", *LISTED])
        wait_until(lambda: len(contexts(tap.answered, b"PONG")) >= 6, "PONGs")
        for _ in range(50):
            asker.send_multipart([b"", *LIST])
            self.assertEqual(self.receive(asker), [b"", *LISTED])
        pongs = contexts(tap.answered, b"PONG")
        self.assertEqual(pongs, contexts(tap.asked, b"PING")[:len(pongs)])
        self.assertEqual(tap.n_connections, 1)
        asker.close()
        self.assert_well()

    def test_who_probes_has_asked_nothing(self):
        for endpoint in self.endpoints:
            asker = self.open_socket(zmq.DEALER, endpoint, PROBE_ROUTER=1)
            asker.send_multipart([b"", *LIST])
            self.assertEqual(self.receive(asker)[:3], [b"", b"BC1", b"400"])
            self.assertEqual(self.receive(asker), [b"", *LISTED])
            asker.close()
        self.assert_well()

    def test_strangers(self):
        """Sockets that do not ask, and one that wants to be sure of whom it asks."""
        public, secret = zmq.curve_keypair()
        curve = {"CURVE_SERVERKEY": public, "CURVE_PUBLICKEY": public, "CURVE_SECRETKEY": secret}
        plain = {"PLAIN_USERNAME": b"me", "PLAIN_PASSWORD": b"secret"}
        rows = (("CURVE", zmq.REQ, curve), ("PLAIN", zmq.DEALER, plain), ("PUB", zmq.PUB, {}), ("XPUB", zmq.XPUB, {}),
                ("SUB", zmq.SUB, {"SUBSCRIBE": b""}), ("XSUB", zmq.XSUB, {}), ("PUSH", zmq.PUSH, {}),
                ("PULL", zmq.PULL, {}), ("PAIR", zmq.PAIR, {}), ("REP", zmq.REP, {}), ("STREAM", zmq.STREAM, {}))
        for name, kind, options in rows:
            for endpoint in self.endpoints[:2]:
                if name == "STREAM" and endpoint == self.ipc:
                    continue  # over tcp alone
                with self.subTest(name, endpoint=endpoint):
                    stranger = self.open_socket(kind, RECONNECT_IVL=20, **options)
                    monitor = stranger.get_monitor_socket(HANGS_UP)
                    stranger.connect(endpoint)
                    if name in ("CURVE", "PLAIN", "PUSH", "PAIR"):
                        with contextlib.suppress(zmq.Again):
                            stranger.send_multipart(LIST, zmq.NOBLOCK)
                    if name != "STREAM":  # it says nothing at all, and is waited for
                        self.assertTrue(monitor.poll(bookcast_test.DEADLINE * 1000), "it is not hung up on")
                    self.befriend()
                    if name in ("CURVE", "PLAIN"):
                        self.assertFalse(stranger.poll(0), "it was answered")
                    stranger.disable_monitor()
                    stranger.close()
        self.assert_well(dropped=None)

    def test_large_questions_and_large_answers(self):
        self.gateways = []
        gateway = fake_gateway.Gateway(self, promised=600)
        payload = gateway.send("KRW-BTC.trade", fake_gateway.TRADE, fake_gateway.LIVE, [0, 0, 1, 1, 1, "x" * 60000])
        trade = b"upbit.KRW-BTC.trade"

        def known():
            gateway.turn()
            return self.ask_cache("BC1", "GET", trade)[2] == b"200"
        wait_until(known, "the trade")
        n = (15 << 20) // len(payload)
        for endpoint in self.endpoints[:2]:
            asker = self.open_socket(zmq.REQ, endpoint)
            asker.send_multipart([b"BC1", b"STATE"] + [b"upbit.NONE.book"] * 10000)
            answer = self.receive(asker)
            self.assertEqual((answer[:3], len(answer)), ([*LISTED, NOT_FOUND], 2 + 6 * 10000))
            asker.send_multipart([b"BC1", b"STATE"] + [b"upbit.NONE.book"] * 10001)
            self.assertEqual(self.receive(asker)[:2], [b"BC1", b"400"])
            asker.send_multipart([b"BC1", b"GET"] + [trade] * n)
            answer = self.receive(asker)
            self.assertEqual((answer[:2], len(answer)), (LISTED, 2 + 5 * n))
            payloads = set(answer[6::5])
            self.assertEqual(len(payloads), 1)
            self.assertEqual(len(payloads.pop()), len(payload))
            asker.send_multipart([b"BC1", b"GET"] + [trade] * (n + n // 8))
            self.assertEqual(self.receive(asker)[:2], [b"BC1", b"400"])
            asker.close()
        gateway.close()
        self.assert_served()
        self.assert_bounded(128 * rpc_case.MIB)

    def test_a_thousand_questions_before_the_first_answer_is_read(self):
        """All are answered. (The server of libzmq answers some 128 of them.)"""
        for endpoint in self.endpoints[:2]:
            asker = self.open_socket(zmq.DEALER, endpoint, SNDHWM=0, RCVHWM=1, RCVBUF=4096)
            tags = [b"%d" % i + b"x" * (i % 700) for i in range(1000)]
            for tag in tags:
                asker.send_multipart([tag, b"", *LIST])
            self.befriend()
            for tag in tags:
                self.assertEqual(self.receive(asker), [tag, b"", *LISTED])
            asker.close()
        self.assert_well()

    def test_two_hundred_clients_at_once(self):
        for endpoint in self.endpoints[:2]:
            askers = [self.open_socket(zmq.DEALER, endpoint) for _ in range(200)]
            for turn in range(3):
                for n, asker in enumerate(askers):
                    asker.send_multipart([b"%d.%d" % (n, turn), b"", *LIST])
            for turn in range(3):
                for n, asker in enumerate(askers):
                    self.assertEqual(self.receive(asker), [b"%d.%d" % (n, turn), b"", *LISTED])
            for asker in askers:
                asker.close()
        self.assert_well()

    def test_a_cache_that_comes_again(self):
        """Ended, and killed so that its path is left behind: who asks meanwhile is answered by the next one."""
        askers = [self.open_socket(zmq.DEALER, self.ipc, RECONNECT_IVL=20) for _ in range(20)]
        for end in (None, "stop", "kill", "stop"):
            if end:
                getattr(self.cache, end)()
                self.assertEqual(os.path.exists(self.run_dir / "cache.rpc"), end == "kill")
                self.cache = self.begin_cache()
            for asker in askers:
                asker.send_multipart([b"", *LIST])
            for asker in askers:
                self.assertEqual(self.receive(asker), [b"", *LISTED])
        for asker in askers:
            asker.close()
        self.assertEqual(self.ask_cache(*LIST), LISTED)


if __name__ == "__main__":
    bookcast_test.main(together=3)
