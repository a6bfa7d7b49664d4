"""What an exchange may send, or not send: a bad message costs a message, a bad connection a connection, and
the books are right again by themselves."""
import urllib.request

import bookcast_test
from bookcast_test import FIT, control, wait_until

N = 3
FAST = ("--silent-after", "2s", "--quiet-after", "2s", "--first-data-after", "5s")


class FeedCase(bookcast_test.Case):
    def begin(self, *sim_flags, gateway_flags=()):
        self.sim = self.start_sim("--symbols", N, "--rate", 100, *sim_flags)
        self.gateway = self.start_gateway(self.sim, *FAST, "--metrics", "127.0.0.1:0", *gateway_flags)
        self.cache = self.start_cache()

    def metrics(self):
        url = f"http://{self.gateway.ready['metrics']}/metrics"
        with urllib.request.urlopen(url, timeout=bookcast_test.DEADLINE) as answer:
            return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                    for line in answer.read().decode().splitlines() if line and line[0] != "#"}

    def total(self, name):
        """The gateway copies its counters to where they are read once a second."""
        return sum(v for k, v in self.metrics().items() if k.split("{")[0] == name)

    def fault(self, name, **arguments):
        control(self.sim, "fault", name=name, **arguments)

    def assert_true_again(self):
        """Every book is fit, and at the next pause it is the true one."""
        self.wait_fit(N)
        control(self.sim, "pause")
        last = {}

        def all_true():
            last.update(self.cached("upbit."))
            return len(last) == N and all(
                answer.message.body == tuple(side[:30] for side in bookcast_test.truth(self.sim, symbol))
                for symbol, answer in last.items())
        wait_until(all_true, lambda: f"every book is true; last: {last}")
        control(self.sim, "resume")


class BadMessageTest(FeedCase):
    def test_each_costs_itself_and_not_the_connection(self):
        self.begin()
        self.wait_fit(N)
        connects = wait_until(lambda: self.total("bookcast_ws_connects_total"), "the first connection, counted")
        rows = (
            ("corrupt", {"n": 2}), ("truncate", {"n": 2}), ("invalid-utf8", {"n": 2}), ("nul", {"n": 2}),
            ("missing-field", {"n": 20, "key": "ap"}), ("missing-field", {"n": 2, "key": "cd"}),
            ("frame", {"text": "not JSON at all"}), ("frame", {"text": "{"}),
            ("frame", {"text": '{"ty":"trade","cd":"KRW-BTC","tp":1386929.37231066771348207123,"tv":1,"ab":"BID",'
                               '"tms":1,"ttms":1,"sid":1,"st":"REALTIME"}'}),
            ("frame", {"text": '{"ty":"orderbook","cd":"KRW-BTC","tms":1,"obu":[{"ap":1e400,"bp":1,"as":1,"bs":1}]}'}),
            ("frame", {"text": '{"ty":"orderbook","cd":"krw-btc","tms":1,"obu":[]}'}),
            ("deep", {"depth": 10000}),
        )
        for name, arguments in rows:
            with self.subTest(name, **arguments):
                before = self.total("bookcast_rejected_messages_total")
                self.fault(name, **arguments)
                wait_until(lambda: self.total("bookcast_rejected_messages_total") > before,
                           "a message rejected and counted")
                self.wait_fit(N)
        self.assertEqual(self.total("bookcast_ws_connects_total"), connects, "a connection was lost")
        self.assert_true_again()

    def test_what_is_new_to_us_is_no_error(self):
        self.begin()
        self.wait_fit(N)
        before = self.total("bookcast_rejected_messages_total")
        for name in ("unknown-fields", "duplicate", "reorder"):
            self.fault(name, n=20)
        self.fault("skew", ms=3_600_000)
        self.wait_fit(N)
        self.fault("skew", ms=0)
        self.assertEqual(self.total("bookcast_rejected_messages_total"), before)
        self.assert_true_again()

    def test_a_crossed_book_is_never_fit(self):
        self.begin()
        self.wait_fit(N)
        books = self.subscribe("upbit.")
        self.fault("crossed", n=10)
        books.wait(lambda m: m.channel == "book" and (m.state, m.reason) == ("stale", "crossed"), "crossed")
        self.assert_true_again()
        books.drain()
        for m in books.heard:
            if m.channel == "book" and m.state in FIT and all(m.body):
                self.assertLessEqual(m.body[0][0][0], m.body[1][0][0], "a crossed book that is fit")


class BadConnectionTest(FeedCase):
    def test_each_is_noticed_and_made_anew(self):
        self.begin()
        self.wait_fit(N)
        exact = self.subscribe("upbit.KRW-BTC.book\0")
        rows = [("giant", {}), ("fragments", {}), ("cut-frame", {"n": 1}), ("close", {"code": 1000}),
                ("close", {"code": 1012}), ("hang-up", {}), ("reset", {}), ("stall", {"for": 4}), ("half-open", {}),
                ("raw", {"hex": "485454502f312e3120353030"})]
        # Not "mask": libwebsockets unmasks a frame that a server may not mask, and goes on.
        rows += [("violate", {"what": what}) for what in
                 ("rsv", "opcode", "continuation", "interleave", "fragmented-ping", "long-length")]
        for name, arguments in rows:
            with self.subTest(name, **arguments):
                exact.forget()
                before = self.total("bookcast_ws_connects_total")
                self.fault(name, **arguments)
                bad = exact.wait(lambda m: m.state == "stale", "the exact topic that it is stale", 10)
                self.assertIn(bad.reason, ("disconnected", "no-data"))
                exact.wait(lambda m: m.state in FIT and m.seq > bad.seq, "fit again")
                wait_until(lambda: self.total("bookcast_ws_connects_total") > before, "a new connection, counted")
                self.assertEqual(bookcast_test.holes(exact.heard), [])
        self.assert_true_again()

    def test_a_giant_message_does_not_fill_the_memory(self):
        self.environment |= bookcast_test.LEAN
        self.begin()
        self.wait_fit(N)
        before, most = self.gateway.resident_kib(), 0
        connects = self.total("bookcast_ws_connects_total")
        self.fault("giant", bytes=100 << 20)

        def again():
            nonlocal most
            most = max(most, self.gateway.resident_kib())
            return self.total("bookcast_ws_connects_total") > connects
        wait_until(again, "a new connection")
        print(f"gateway {before} KiB before, at most {most} KiB during a message of 100 MiB")
        self.assertLess(most - before, 16 << 10, "the cap is 4 MiB")
        self.assert_true_again()

    def test_doors_that_do_not_open(self):
        self.begin()
        self.wait_fit(N)
        for name, arguments in (("refuse", {"n": 2, "status": 503}), ("refuse", {"n": 1, "status": 429, "retry_after": 1}),
                                ("refuse", {"n": 1, "status": 418, "retry_after": 1}), ("extension", {"n": 1}),
                                ("bad-accept", {"n": 1}), ("mute", {"n": 1})):
            with self.subTest(name, **arguments):
                connects = self.total("bookcast_ws_connects_total")
                self.fault(name, **arguments)
                self.fault("hang-up")
                wait_until(lambda: self.total("bookcast_ws_connects_total") > connects,
                           lambda: f"a new connection; log:\n{self.gateway.err[-2000:]}", 60)
                self.wait_fit(N)
        self.assert_true_again()


class BadRestTest(FeedCase):
    def test_a_symbol_list_that_comes_late_or_broken(self):
        self.sim = self.start_sim("--symbols", N)
        self.fault("rest-fail", n=2, status=503)
        self.fault("rest-garbage", n=1)
        self.fault("rest-slow", n=1, ms=500)
        self.gateway = self.start_gateway(self.sim, wait=False)
        self.start_cache()
        self.gateway.wait_ready(60)
        self.wait_fit(N, seconds=60)


class CertificateTest(bookcast_test.Case):
    def assert_not_trusted(self, sim, ca_file, says):
        gateway = self.start("bookcast-gateway", "--exchange", "upbit", "--symbols", "KRW-BTC",
                             "--ws-url", sim.ready["ws"], "--rest-url", sim.ready["rest"],
                             "--backoff-max", "500ms", *(("--ca-file", ca_file) if ca_file else ()))
        self.start_cache()
        gateway.wait_log(says)
        states = self.subscribe("upbit.")
        states.wait(lambda m: m.channel == "heartbeat", "a heartbeat")
        status, out, err = self.cli("get", "upbit", "KRW-BTC")
        self.assertIn(status, (2, 3), "no book can be fit")
        self.assertTrue(gateway.running())
        self.assertFalse([m for m in states.heard if m.channel == "book"])

    def test_of_another_name(self):
        sim = self.start_sim("--cert-name", "elsewhere.example")
        self.assert_not_trusted(sim, sim.ready["ca_file"], r"(?i)hostname|host name|mismatch")

    def test_expired(self):
        sim = self.start_sim("--cert-expired")
        self.assert_not_trusted(sim, sim.ready["ca_file"], r"(?i)expired")

    def test_of_an_authority_nobody_knows(self):
        self.assert_not_trusted(self.start_sim(), None, r"(?i)certificate|issuer|verify")

    def test_of_another_authority(self):
        other = self.start_sim()
        self.assert_not_trusted(self.start_sim(), other.ready["ca_file"], r"(?i)certificate|issuer|verify")


class SymbolTest(bookcast_test.Case):
    def test_one_that_the_exchange_does_not_have_is_reported_and_the_others_live(self):
        sim = self.start_sim("--symbols", 2)
        gateway = self.start_gateway(sim, "--first-data-after", "1s", symbols="KRW-BTC,KRW-NONE")
        self.start_cache()
        gateway.wait_log("KRW-NONE")
        wait_until(lambda: self.cli("get", "upbit", "KRW-BTC")[0] == 0, "KRW-BTC is fit")
        status, out, err = self.cli("get", "upbit", "KRW-NONE")
        self.assertIn(status, (2, 3), out + err)


if __name__ == "__main__":
    bookcast_test.main(together=3)
