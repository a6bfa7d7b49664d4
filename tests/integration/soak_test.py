"""Everything at once and at random: faults of the exchange, kill -9, standstills. All the while no book that
says it is fit is crossed or empty, no sequence has a hole, and at the end every book is the true one.

BOOKCAST_TEST_SEED chooses the run; it is printed. Long with BOOKCAST_LONG.

And a day of connections: as many reconnects as a day has hours leave no descriptor open and no memory behind."""
import os
import random
import signal
import time

import bookcast_test
from bookcast_test import FIT, LEAN, ask, control, wait_until

N = 10
RECONNECTS = 240 if bookcast_test.LONG else 24
GROWTH_KIB = 2048
SECONDS = 120 if bookcast_test.LONG else 12
SEED = int(os.environ.get("BOOKCAST_TEST_SEED", "1"))
FAULTS = (
    ("corrupt", {"n": 3}), ("truncate", {"n": 3}), ("invalid-utf8", {"n": 1}), ("nul", {"n": 1}),
    ("unknown-fields", {"n": 5}), ("duplicate", {"n": 5}), ("reorder", {"n": 5}), ("drop", {"n": 5}),
    ("crossed", {"n": 3}), ("deep", {"depth": 10000}), ("close", {"code": 1012}), ("hang-up", {}), ("reset", {}),
    ("stall", {"for": 2}), ("cut-frame", {"n": 1}), ("refuse", {"n": 2, "status": 503}), ("bad-accept", {"n": 1}),
    ("rest-fail", {"n": 2, "status": 503}), ("rest-garbage", {"n": 1}), ("burst", {"x": 20, "for": 1}),
)


class SoakTest(bookcast_test.Case):
    def setUp(self):
        super().setUp()
        self.chance = random.Random(SEED)
        self.did = []
        self.environment |= LEAN
        self.sim = self.start_sim("--symbols", N, "--seed", SEED)
        self.gateway = self.begin_gateway()
        self.cache = self.start_cache()
        self.everything = self.subscribe("upbit.")
        self.wait_fit(N)

    def begin_gateway(self):
        return self.start_gateway(self.sim, "--silent-after", "1s", "--quiet-after", "1s")

    def act(self):
        kind = self.chance.choice(("fault",) * 6 + ("cache", "gateway", "stop gateway", "stop cache"))
        if kind == "fault":
            name, arguments = self.chance.choice(FAULTS)
            self.did.append(name)
            control(self.sim, "fault", name=name, **arguments)
            return
        self.did.append(kind)
        victim = self.gateway if "gateway" in kind else self.cache
        if kind.startswith("stop "):
            victim.process.send_signal(signal.SIGSTOP)
            self.listen(self.chance.uniform(0.1, 1.0))
            victim.process.send_signal(signal.SIGCONT)
            return
        victim.kill()
        self.listen(self.chance.uniform(0, 0.5))
        if victim is self.gateway:
            self.gateway = self.begin_gateway()
        else:
            self.cache = self.start_cache()

    def listen(self, seconds):
        """Hears the bus that long and judges every message."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.everything.socket.poll(left * 1000)
            for m in self.everything.drain():
                if m.channel != "book" or m.state not in FIT:
                    continue
                bids, asks = m.body
                self.assertTrue(bids and asks, f"{m.topic} is fit and empty after {self.did}")
                self.assertLessEqual(bids[0][0], asks[0][0], f"{m.topic} is fit and crossed after {self.did}")
                for side, direction in ((bids, -1), (asks, 1)):
                    prices = [direction * price for price, _ in side]
                    self.assertEqual(prices, sorted(set(prices)), f"{m.topic} is not in order")
                    self.assertGreater(min(quantity for _, quantity in side), 0)

    def test_it_never_lies_and_is_right_again(self):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self.act()
            self.listen(self.chance.uniform(0.05, 1.0))
        control(self.sim, "fault", name="clear")
        self.wait_fit(N, seconds=60)
        self.listen(0.5)
        self.assertEqual(bookcast_test.holes(self.everything.heard), [])
        control(self.sim, "pause")

        def all_true():
            cached = self.cached("upbit.")
            return len(cached) == N and all(
                answer.message.body == tuple(side[:30] for side in bookcast_test.truth(self.sim, symbol))
                for symbol, answer in cached.items())
        wait_until(all_true, f"every cached book is true after {self.did}")
        print(f"seed {SEED}: {len(self.did)} disturbances in {SECONDS} s, {len(self.everything.heard)} messages")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.gateway.pid}/fd"))

    def reconnect(self, times):
        for _ in range(times):
            before = len(self.everything.heard)
            self.assertEqual(ask(self.context, self.gateway.ready["ctl"], ("BC1", "RECONNECT"))[1], b"200")
            wait_until(lambda: any(m.topic == "upbit.@0.state" and m.state != "live" for m in self.news(before)),
                       "that the feed is down")
            wait_until(lambda: [m for m in self.news(before) if m.topic == "upbit.@0.state"][-1].state == "live",
                       "that the feed is live again")
        self.wait_fit(N)

    def news(self, since):
        self.everything.drain()
        return self.everything.heard[since:]

    def test_a_day_of_reconnects(self):
        self.reconnect(4)
        descriptors, kib = self.descriptors(), self.gateway.resident_kib()
        self.reconnect(RECONNECTS)
        self.assertLessEqual(self.descriptors(), descriptors)
        grown = self.gateway.resident_kib() - kib
        print(f"{RECONNECTS} reconnects: {descriptors} descriptors before, {self.descriptors()} after; {grown:+} KiB")
        self.assertLess(grown, GROWTH_KIB)


if __name__ == "__main__":
    bookcast_test.main(together=2)
