"""kill -9 of the cache, the gateway, the exchange and a subscriber, in turn: the others go on, say what
is not true any more, and are whole again by themselves when it returns."""
import signal
import sys
import time

import bookcast_test
from bookcast_test import FIT, HEARTBEAT, control, wait_until

sys.path.insert(0, str(bookcast_test.SOURCE / "subscribers" / "python"))
import bookcast  # noqa: E402: the client as a user has it

N = 5
# Three heartbeats are the promise; the rest is for a busy machine under sanitizers.
MISSED = 3 * HEARTBEAT + 5


class KillTest(bookcast_test.Case):
    def setUp(self):
        super().setUp()
        # In the clear, since a new simulator makes itself a new certificate.
        self.sim_flags = ("--plain", "--symbols", N, "--rate", 200)
        self.sim = self.start_sim(*self.sim_flags)
        self.gateway = self.start_gateway(self.sim)
        self.cache = self.start_cache()
        self.exact = self.subscribe("upbit.KRW-BTC.book\0")
        self.wait_fit(N)
        self.exact.wait(lambda m: m.state in FIT, "a book of the exact topic")

    def wait_states(self, wanted):
        """Waits until the cache answers so for every book; the exit status of `bookcast get` then, and how
        long it took."""
        started = time.monotonic()
        states = {}

        def all_so():
            states.update({symbol: a.state for symbol, a in self.cached("upbit.").items()})
            return len(states) == N and set(states.values()) == {wanted[0]}
        wait_until(all_so, lambda: f"every book {wanted}, last: {states}")
        took = time.monotonic() - started
        status, books, _ = self.cli_json("get", "upbit.*")
        self.assertEqual({(b["state"], b["reason"]) for b in books}, {wanted})
        return status, took

    def assert_flows(self, subscriber, what):
        """New data arrives, fit to trade on, and without a hole."""
        subscriber.forget()
        subscriber.wait(lambda m: len([x for x in subscriber.heard if x.state in FIT]) >= 5, what)
        self.assertEqual(bookcast_test.holes(subscriber.heard), [], what)

    def test_the_gateway_while_the_exchange_is_slow_to_list(self):
        """What its pattern means it does not know yet: until then nobody is called delisted, only stale."""
        control(self.sim, "fault", name="rest-slow", n=1000, ms=1500)
        before = self.exact.heard[-1].epoch
        self.gateway.kill()
        self.gateway = self.start_gateway(self.sim, symbols="KRW-BTC,*")
        seen, partial = set(), set()

        def whole():
            _, gateways, _ = self.cli_json("gateways")
            answers = self.cli_json("get", "upbit.*")[1]
            seen.update((a["state"], a["reason"]) for a in answers)
            status, health, _ = self.cli_json("health")
            if gateways[0]["epoch"] > before and health[0]["exchanges"][0]["listing"] > 0:
                self.assertEqual(status, 3, "it has not got all of them")
                partial.update((a["state"], a["reason"]) for a in answers if a["symbol"] != "KRW-BTC")
            return all(a["state"] in FIT and a["epoch"] > before for a in answers) and len(answers) == N
        wait_until(whole, lambda: f"all of the new process; seen {seen}")
        self.assertEqual(partial, {("stale", "gateway")}, "a list that is not whole was seen, and dropped nobody")
        self.assertNotIn("delisted", {reason for _, reason in seen})

    def connect(self):
        client = bookcast.connect(f"ipc://{self.run_dir}/cache.rpc", timeout=bookcast_test.DEADLINE)
        self.addCleanup(client.close)
        return client

    def test_the_cache(self):
        everything = self.subscribe("upbit.")
        self.assert_flows(everything, "books before")
        self.cache.kill()
        status, out, err = self.cli("get", "upbit", "KRW-BTC", "--timeout", "1s")
        self.assertEqual((status, out), (2, ""), "no answer")
        self.assertIn("cache", err)
        self.assert_flows(everything, "the stream without a cache")

        started = time.monotonic()
        self.cache = self.start_cache()
        self.wait_fit(N)
        print(f"the new cache held all {N} books {time.monotonic() - started:.2f} s after its start")

    def test_the_gateway(self):
        epoch = self.exact.heard[-1].epoch
        client = self.connect()
        client.subscribe("upbit", "KRW-BTC", "book")
        wait_until(lambda: client.recv(0.1) and client.fit("upbit", "KRW-BTC"), "a fit book at the client")
        # How far its heartbeats are apart everybody knows from the first one he hears.
        beats = self.subscribe("upbit.@0.heartbeat\0")
        beats.wait(lambda m: True, "a heartbeat")
        client.recv(0.1)
        self.gateway.kill()
        killed = time.monotonic()
        told = wait_until(lambda: (m := client.recv(0.1)) and m.state == "stale" and m,
                          "the client of one exact topic that it is stale")
        self.assertEqual((told.symbol, told.reason), ("KRW-BTC", "gateway"))
        self.assertLess(time.monotonic() - killed, MISSED)
        self.assertFalse(client.fit("upbit", "KRW-BTC"))
        print(f"a client of one exact topic was told {time.monotonic() - killed:.2f} s after kill -9")
        self.exact.forget()
        status, took = self.wait_states(("stale", "gateway"))
        self.assertEqual(status, 3, "found, but not fit")
        took = time.monotonic() - killed
        self.assertLess(took, MISSED)
        print(f"the cache called every book stale (gateway) at most {took:.2f} s after it, heartbeat {HEARTBEAT} s")
        self.assertNotEqual(self.cli("health")[0], 0)

        self.gateway = self.start_gateway(self.sim)
        self.wait_fit(N)
        heard = self.exact.wait(lambda m: m.state in FIT, "the exact topic from the new gateway")
        self.assertGreater(heard.epoch, epoch)
        wait_until(lambda: client.recv(0.1) and client.fit("upbit", "KRW-BTC"), "fit again at the client")
        self.assertEqual(bookcast_test.holes(self.exact.heard), [])

    def test_the_exchange(self):
        everything = self.subscribe("upbit.")
        self.assert_flows(everything, "books before")
        killed = time.monotonic()
        self.sim.kill()
        stale = self.exact.wait(lambda m: m.state == "stale", "the exact topic that it is stale now")
        self.assertEqual((stale.topic, stale.reason), ("upbit.KRW-BTC.book", "disconnected"))
        self.assertIn("state", stale.flags)
        self.assertLess(stale.arrived - killed, MISSED)
        last = [m for m in self.exact.heard if m.seq == stale.seq - 1][0]
        self.assertEqual((stale.body, stale.ts_recv), (last.body, last.ts_recv), "the data stay what they were")
        status, took = self.wait_states(("stale", "disconnected"))
        self.assertEqual(status, 3)
        print(f"told stale (disconnected) {stale.arrived - killed:.3f} s after kill -9 of the exchange; "
              f"all {N} in the cache {took:.2f} s later")
        everything.forget()
        everything.wait(lambda m: m.channel == "heartbeat", "heartbeats while the exchange is away")

        port = self.sim.ready["rest"].rsplit(":", 1)[1]
        self.sim = self.start_sim(*self.sim_flags, "--listen", f"127.0.0.1:{port}")
        self.wait_fit(N)
        self.exact.wait(lambda m: m.state in FIT and m.seq > stale.seq, "the exact topic is fit again")
        self.assertEqual(bookcast_test.holes(self.exact.heard), [])

    def test_the_exchange_then_the_gateway(self):
        """The books were stale before; why they are so now is asked of the cache, not read from them."""
        self.sim.kill()
        self.wait_states(("stale", "disconnected"))
        client = self.connect()
        self.assertEqual(client.state("upbit", "KRW-BTC")[:2], ("stale", "disconnected"))
        self.gateway.kill()
        killed = time.monotonic()

        def why():
            return {f[2] for t in self.cached("upbit.") for f in [self.ask_cache(
                "BC1", "STATE", f"upbit.{t}.book")[2:]]}
        wait_until(lambda: why() == {b"gateway"}, lambda: f"every book stale (gateway), last: {why()}")
        self.assertLess(time.monotonic() - killed, MISSED)
        status, _ = self.wait_states(("stale", "gateway"))
        self.assertEqual(status, 3)
        self.assertIn("its gateway is not heard any more", self.cli("get", "upbit", "KRW-BTC")[1])
        self.assertEqual(client.state("upbit", "KRW-BTC")[:3], ("stale", "gateway", None))
        book = client.latest("upbit", "KRW-BTC", "book")
        self.assertEqual((book.state, book.reason, book.since), ("stale", "gateway", None))

    def test_a_subscriber(self):
        other = self.start("bookcast", "watch", "upbit.", "--json", wait=False)
        wait_until(lambda: "KRW-BTC" in other.out, "what the other subscriber prints")
        everything = self.subscribe("upbit.")
        self.assert_flows(everything, "books before")
        other.kill()
        self.assert_flows(everything, "books after the other one is gone")
        self.wait_fit(N)

    def test_a_stopped_subscriber_costs_itself(self):
        other = self.start("bookcast", "watch", "upbit.", "--json", wait=False)
        wait_until(lambda: "KRW-BTC" in other.out, "what the other subscriber prints")
        everything = self.subscribe("upbit.")
        other.process.send_signal(signal.SIGSTOP)
        self.assert_flows(everything, "books while another subscriber stands still")
        other.process.send_signal(signal.SIGCONT)
        before = len(other.out)
        wait_until(lambda: len(other.out) > before, "the other one goes on")

    def test_the_gateway_told_to_stop_says_so(self):
        self.assertEqual(self.gateway.stop(), 0)
        said = self.exact.wait(lambda m: m.state == "down", "the exact topic that it is down")
        self.assertEqual(said.reason, "shutdown")
        status, _ = self.wait_states(("down", "shutdown"))
        self.assertEqual(status, 3)


if __name__ == "__main__":
    bookcast_test.main(together=3)
