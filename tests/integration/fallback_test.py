"""A WebSocket that is down while REST works: books are polled and say so, are as true as they are old, and go
back to the stream without going back in time."""
import json

import bookcast_test
from binance_line import LEVELS, Line, on_spot
from bookcast_test import FIT, control, wait_until

N = 6
POLLED = ("--rest-after", "1s", "--rest-interval", "300ms", "--backoff-max", "500ms")
REFUSE = 100000  # upgrades


class Fallback(Line):
    def cut(self):
        self.fault("refuse", n=REFUSE, status=502)
        self.fault("hang-up")

    def wait_rest(self, reason):
        last = {}

        def polled():
            last.clear()
            last.update(self.cached(f"{self.exchange}."))
            return len(last) == self.n and {(a.state, a.message.reason) for a in last.values()} == {("rest", reason)}
        wait_until(polled, lambda: f"every book polled: {[(s, a.state, a.message.reason) for s, a in last.items()]}")
        return dict(last)

    def same(self, answer, true):
        for got, side in zip(answer.message.body, ("bids", "asks")):
            if got != bookcast_test.levels(true[side])[:LEVELS]:
                return False
        return answer.state == "rest" and "rest" in answer.message.flags

    def assert_polled_is_true(self):
        """Once the market stands still, the next round is the truth; and no number ever has another book."""
        true_state, wrong = self.pause(), {}

        def all_true():
            wrong.clear()
            for symbol, answer in self.cached(f"{self.exchange}.").items():
                true = true_state(symbol)
                same = self.same(answer, true)
                if answer.message.exchange_seq is not None and answer.state == "rest" and \
                        answer.message.exchange_seq == true["exchange_seq"]:
                    self.assertTrue(same, f"{symbol}: {answer.message} and not {true}")
                if not same:
                    wrong[symbol] = answer
            return not wrong
        wait_until(all_true, lambda: f"every polled book is true: {wrong}")
        control(self.sim, "resume")

    def assert_never_back(self):
        """Neither books nor best prices, by the exchange's number or else by its time; and what was polled is not
        called live."""
        last = {}
        for m in self.data():
            if m.channel not in ("book", "bbo") or "state" in m.flags:
                continue
            at = m.exchange_seq if m.exchange_seq is not None else m.ts_exchange
            self.assertGreaterEqual(at, last.get(m.topic, 0), f"{m.topic}: {m}")
            last[m.topic] = at
            self.assertEqual("rest" in m.flags and m.state in FIT, False, f"{m}")
        self.assertGreaterEqual(len(last), self.n)

    def assert_trades_once(self):
        """Upbit's ids are in order in the simulator, too."""
        seen = set()
        for m in self.data():
            if m.channel == "trade":
                self.assertNotIn((m.topic, m.body[3]), seen, f"{m}")
                seen.add((m.topic, m.body[3]))
        self.assertTrue(seen)

    def begin_with_cache(self, *flags, **how):
        """Nothing is traded before the cache hears the gateway: who comes later is told what others have heard."""
        self.begin(*flags, before=lambda: control(self.sim, "pause"), **how)

        def known():
            gateways = json.loads(self.ask_cache("BC1", "GATEWAYS")[2])["gateways"]
            return any(g["pid"] is not None for g in gateways)
        wait_until(known, "the cache hears the gateway")
        control(self.sim, "resume")
        self.wait_live()

    def test_there_and_back(self):
        self.begin_with_cache(*POLLED, "--history-trades", "50", n=N, rate=100)
        self.forget()
        self.cut()
        self.wait_state(self.canary, "stale", "disconnected")
        self.wait_state(self.canary, "rest", "disconnected")
        self.wait_rest("disconnected")
        topic = (self.exchange, self.canary)
        self.assertEqual(self.cli("get", *topic)[0], 3)
        self.assertEqual(self.cli("get", *topic, "--allow-rest", "--max-age", "5s")[0], 0)
        self.assert_polled_is_true()
        # Polls that find nothing do not last: stale within the bound, and polled again when they answer.
        self.assert_never_back()
        self.assert_trades_once()
        self.forget()
        self.fault("rest-fail", n=REFUSE)
        self.wait_state(self.canary, "stale", "disconnected")
        self.assertEqual(self.cli("get", *topic, "--allow-rest")[0], 3)
        self.fault("rest-fail", n=1)  # one more, and no other
        self.wait_state(self.canary, "rest", "disconnected")
        self.fault("clear")
        self.wait_state(self.canary, "live", "none")
        self.wait_live()
        self.assertEqual(self.cli("get", *topic)[0], 0)
        self.assert_never_back()
        self.assert_trades_once()
        self.assertEqual(bookcast_test.holes(self.heard.heard), [])
        self.assertGreater(self.counter("fallbacks_total"), 0)

    @on_spot
    def test_polled_alone(self):
        self.begin("--source", "rest", *POLLED, n=N, rate=100)
        self.wait_rest("none")
        self.assert_polled_is_true()
        self.assert_never_back()
        wait_until(lambda: self.counter("polled_total") > 2 * N, "polls, counted")
        self.assertEqual(self.counter("ws_connects_total") + self.counter("ws_connect_failures_total"), 0)


class MaintenanceTest(Line, bookcast_test.Case):
    exchange = "upbit"
    canary = "KRW-BTC"

    def test_nobody_is_let_in_for_long(self):
        self.begin_live("--source", "ws", "--maintenance-after", "2s", "--probe-interval", "400ms", n=2, rate=50)
        self.fault("refuse", n=REFUSE, status=503)
        self.fault("hang-up")
        self.gateway.wait_log('event=feed.maintenance why="not available"')
        wait_until(lambda: self.counter("maintenance_seconds") > 0, "it is measured")
        self.wait_state(self.canary, "stale", "disconnected")
        self.fault("clear")
        self.wait_live()
        self.gateway.wait_log("event=feed.maintenance-over")
        wait_until(lambda: self.counter("maintenance_seconds") == 0, "it is over")
        self.assertEqual(self.counter("maintenances_total"), 1)


class UpbitTest(Fallback, bookcast_test.Case):
    exchange = "upbit"
    canary = "KRW-BTC"


class SpotTest(Fallback, bookcast_test.Case):
    exchange = "binance-spot"


class UsdmTest(Fallback, bookcast_test.Case):
    exchange = "binance-usdm"


if __name__ == "__main__":
    bookcast_test.main(together=3)
