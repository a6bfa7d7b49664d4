"""Trades and candles from before the gateway was there: asked of the exchange by REST, told in order, and
found in the cache."""
import json
import time

import bookcast_test
from bookcast_test import wait_until

SYMBOL = "KRW-BTC"
TOPIC = f"upbit.{SYMBOL}."
CHANNELS = ("--channels", "book, trade, candle-1s, candle-1m")


class RestHistoryTest(bookcast_test.Case):
    def start_all(self):
        self.asked = 0.0
        self.sim = self.start_sim("--symbols", "2", "--rate", "250", "--seed", "5")
        # So many trades happen before anybody listens, and no others before they are asked for.
        wait_until(lambda: len(self.exchange_trades()) >= 120, "a market with a past")
        bookcast_test.control(self.sim, "pause")
        self.asked = 0.0
        self.before = self.exchange_trades()
        self.subscriber = self.subscribe(TOPIC)
        self.start_cache()
        self.gateway = self.start_gateway(self.sim, *CHANNELS, "--silent-after", "60s", symbols=SYMBOL)
        self.wait_history(100, "history")
        bookcast_test.control(self.sim, "resume")

    def exchange_trades(self):
        """The exchange's last ones; asked so seldom that the gateway keeps its part of the limit."""
        if time.monotonic() >= self.asked + 0.5:
            status, text = bookcast_test.http(self.sim, "GET", f"/v1/trades/ticks?market={SYMBOL}&count=500")
            self.assertEqual(status, 200, text)
            self.asked, self.known = time.monotonic(), json.loads(text)
        return {t["sequential_id"] for t in self.known}

    def trades(self):
        return [m for m in self.subscriber.heard if m.channel == "trade"]

    def once(self, trades):
        """Each live one once; history may repeat it, for a cache that was later than the subscriber."""
        ids = [m.body[3] for m in trades if "rest" not in m.flags]
        self.assertEqual(len(ids), len(set(ids)), "a trade was told twice")

    def wait_history(self, n, what):
        count = []

        def enough(m):
            if m.channel == "trade" and "rest" in m.flags:
                count.append(m)
            return len(count) >= n
        self.subscriber.wait(enough, what)

    def test_trades_from_before_are_told_once_in_order(self):
        self.start_all()
        newest = self.trades()[-1].seq
        self.subscriber.wait(lambda m: m.channel == "trade" and m.seq > newest + 30 and "rest" not in m.flags,
                             "the stream goes on")
        trades = self.trades()
        self.once(trades)
        self.assertEqual(bookcast_test.holes(self.subscriber.heard), [])
        past = [m for m in trades if "rest" in m.flags]
        live = [m for m in trades if "rest" not in m.flags]
        self.assertEqual({m.flags & {"snapshot", "rest"} for m in past}, {frozenset({"snapshot", "rest"})})
        numbers = [int(m.body[3]) for m in past]
        self.assertEqual(numbers, sorted(numbers))
        heard = {int(m.body[3]): m.seq for m in live}
        for m in past:  # it ends where the stream begins, or where it was when the cache came
            number = int(m.body[3])
            self.assertTrue(number < min(heard) or heard.get(number, m.seq) < m.seq, number)
        self.assertGreaterEqual(len(self.before & set(numbers)), 100)
        # No trade of the exchange is missing from the oldest told to the newest.
        told = {int(m.body[3]) for m in trades}
        self.assertEqual({i for i in self.exchange_trades() if min(told) <= i <= max(told)} - told, set())
        status, objects, err = self.cli_json("trades", "upbit", SYMBOL, "-n", 10000)
        kept = [int(o["trade_id"]) for o in objects]
        self.assertTrue(set(numbers) <= set(kept), err)
        self.assertEqual(len(kept), len(set(kept)))

    def test_a_lost_connection_leaves_no_hole(self):
        self.start_all()
        answer = bookcast_test.ask(self.context, self.gateway.ready["ctl"], ("BC1", "RECONNECT"))
        self.assertEqual(answer[1], b"200")
        newest = self.trades()[-1].seq
        self.subscriber.wait(lambda m: m.channel == "trade" and m.seq > newest + 60 and "rest" not in m.flags,
                             "the stream goes on")
        self.gateway.wait_log("event=ws.opened.*(?s:.)*event=ws.opened")

        def whole():
            self.subscriber.drain()
            told = {int(m.body[3]) for m in self.trades()}
            return not {i for i in self.exchange_trades() if min(told) <= i <= max(told)} - told
        wait_until(whole, "what was missed in between is told")
        self.once(self.trades())

    def test_candles_from_before_and_the_newest_stays_the_last_word(self):
        self.start_all()
        topic = TOPIC + "candle-1s"

        def of_past(m):
            return m.topic == topic and "rest" in m.flags
        past = self.subscriber.wait(of_past, "a candle from before")
        self.subscriber.wait(lambda m: m.topic == topic and m.seq > past.seq and "rest" not in m.flags,
                             "the newest one again, behind them")
        candles = [m for m in self.subscriber.heard if m.topic == topic]
        self.assertEqual(bookcast_test.holes(self.subscriber.heard), [])
        past = [m.body[1] for m in candles if "rest" in m.flags]
        self.assertGreaterEqual(len(past), 2)
        self.assertEqual(past, sorted(past))
        last_of_past = max(i for i, m in enumerate(candles) if "rest" in m.flags)
        before = max(m.body[1] for m in candles[:last_of_past])
        self.assertGreaterEqual(candles[last_of_past + 1].body[1], before, "the newest stays the last word")
        # Who subscribes now is welcomed with it.
        bookcast_test.control(self.sim, "pause")
        late = self.subscribe(topic + "\0")
        first = late.wait(lambda m: m.topic == topic, "the newest candle")
        self.subscriber.wait(lambda m: m.topic == topic and m.seq >= first.seq, "the same, live")
        self.assertGreaterEqual(first.body[1], max(m.body[1] for m in self.subscriber.heard
                                                   if m.topic == topic and m.seq <= first.seq))
        self.assertNotIn("rest", first.flags)


if __name__ == "__main__":
    bookcast_test.main(together=3)
