"""REST weight of a real gateway: the exchange's header counts what others use, and 429 is obeyed."""
import re
import time
import urllib.request

import bookcast_test
from bookcast_test import wait_until

LIMIT = 3600  # 60 % of what Binance spot allows
SNAPSHOT, LIST = 50, 20


class WeightTest(bookcast_test.Case):
    exchange = "binance-spot"

    def in_one_minute(self, used, seen):
        """What seen() gives, all of it within one minute of the exchange; where that ends before, anew in the next."""
        for _ in range(4):
            wait_until(lambda: time.time() % 60 < 50, "a minute of the exchange that does not end soon")
            minute = time.time() // 60
            sim = self.start_all(used)
            try:
                result = seen()
            except AssertionError as why:
                result = why
            if time.time() // 60 == minute:
                self.assertNotIsInstance(result, AssertionError, result)
                return result
            self.gateway.stop()
            sim.stop()
        raise AssertionError(f"a minute is not long enough: {result}")

    def start_all(self, used):
        sim = self.start_sim("--symbols", "40", "--rate", "100")
        bookcast_test.control(sim, "fault", name="exchange", set="forgiven", value=0)
        bookcast_test.control(sim, "fault", name="exchange", set="used", value=used)
        self.gateway = self.start_gateway(sim, "--metrics", "127.0.0.1:0", "--channels", "book")
        self.heartbeats = self.subscribe("binance-spot.@0.heartbeat\0")
        return sim

    def metric(self, name, labels=""):
        with urllib.request.urlopen(f"http://{self.gateway.ready['metrics']}/metrics", timeout=bookcast_test.DEADLINE) as answer:
            text = answer.read().decode()
        return int(re.search(rf"^{name}\{{[^}}]*{labels}[^}}]*\}} (\d+)", text, re.MULTILINE)[1])

    def heartbeat(self, n=1):
        self.heartbeats.forget()
        seen = []

        def enough(m):
            seen.append(m)
            return len(seen) >= n
        return self.heartbeats.wait(enough, f"{n} heartbeats").body[-1]

    def test_what_others_use_is_left_to_them(self):
        may = (LIMIT - 3000 - LIST) // SNAPSHOT

        def seen():
            wait_until(lambda: self.metric("bookcast_snapshots_applied_total") >= may, "what the weight allows")
            return (self.heartbeat(3), self.metric("bookcast_snapshots_total"),
                    self.metric("bookcast_symbols", 'state="live"'), self.metric("bookcast_rate_limited_total"))
        counters, snapshots, live, limited = self.in_one_minute(3000, seen)
        self.assertEqual(snapshots, may)
        self.assertEqual((counters["snapshots_asked"], counters["snapshots_waiting"]), (may, 40 - may))
        self.assertEqual(counters["rest_weight_limit"], LIMIT)
        self.assertEqual(counters["rest_weight"], 3000 + LIST + may * SNAPSHOT)
        self.assertGreater(counters["snapshot_wait_ms"], 0)
        self.assertEqual(live, may)
        self.assertEqual(limited, 0)

    def test_nothing_is_asked_before_retry_after(self):
        def seen():
            self.gateway.wait_log("event=rest.limited .*http=429")
            self.heartbeat(6)
            return [self.metric(f"bookcast_{name}_total") for name in ("rest_requests", "rate_limited", "rest_bans")]
        self.assertEqual(self.in_one_minute(6000, seen), [1, 1, 0])


if __name__ == "__main__":
    bookcast_test.main()
