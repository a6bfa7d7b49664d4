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

    def start_all(self, used):
        sim = self.start_sim("--symbols", "40", "--rate", "100")
        wait_until(lambda: time.time() % 60 < 50, "a minute of the exchange that does not end soon", 15)
        bookcast_test.control(sim, "fault", name="exchange", set="forgiven", value=0)
        bookcast_test.control(sim, "fault", name="exchange", set="used", value=used)
        self.gateway = self.start_gateway(sim, "--metrics", "127.0.0.1:0", "--channels", "book")
        self.heartbeats = self.subscribe("binance-spot.@0.heartbeat\0")

    def metric(self, name, labels=""):
        with urllib.request.urlopen(f"http://{self.gateway.ready['metrics']}/metrics", timeout=10) as answer:
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
        self.start_all(used=3000)
        may = (LIMIT - 3000 - LIST) // SNAPSHOT
        wait_until(lambda: self.metric("bookcast_snapshots_applied_total") >= may, "what the weight allows")
        counters = self.heartbeat(3)
        self.assertEqual(self.metric("bookcast_snapshots_total"), may)
        self.assertEqual((counters["snapshots_asked"], counters["snapshots_waiting"]), (may, 40 - may))
        self.assertEqual(counters["rest_weight_limit"], LIMIT)
        self.assertEqual(counters["rest_weight"], 3000 + LIST + may * SNAPSHOT)
        self.assertGreater(counters["snapshot_wait_ms"], 0)
        self.assertEqual(self.metric("bookcast_symbols", 'state="live"'), may)
        self.assertEqual(self.metric("bookcast_rate_limited_total"), 0)

    def test_nothing_is_asked_before_retry_after(self):
        self.start_all(used=6000)
        self.gateway.wait_log("event=rest.limited .*http=429")
        self.heartbeat(6)
        self.assertEqual(self.metric("bookcast_rest_requests_total"), 1)
        self.assertEqual(self.metric("bookcast_rate_limited_total"), 1)
        self.assertEqual(self.metric("bookcast_rest_bans_total"), 0)


if __name__ == "__main__":
    bookcast_test.main()
