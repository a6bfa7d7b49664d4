"""Trades and candles that the cache keeps, from the simulated exchange to `bookcast trades`: what it
shows is what a subscriber heard, also over a restart of the gateway."""
import json
from decimal import Decimal

import bookcast_test
from bookcast_test import wait_until

SYMBOL = "KRW-BTC"
# What a subscriber heard from its first message on, and so no history of the exchange.
CHANNELS = ("--channels", "book, trade, candle-1s", "--history-trades", "0", "--history-candles", "0")


def in_order(messages):
    """The trades a subscriber heard, each once, as the cache keeps them."""
    trades = {}
    for m in messages:
        if m.channel == "trade":
            trades.setdefault(m.body[3], m)
    return sorted(trades.values(), key=lambda m: (m.ts_exchange, len(m.body[3]), m.body[3]))


def of_message(m):
    price, quantity, side, trade_id = m.body
    return (trade_id, price, quantity, side, m.ts_exchange, m.ts_recv, m.epoch, m.seq)


def of_json(o):
    return (o["trade_id"], Decimal(o["price"]), Decimal(o["quantity"]), o["side"], o["ts_exchange"], o["ts_recv"],
            o["epoch"], o["seq"])


def place(trade):
    return (trade[4], len(trade[0]), trade[0])


class HistoryTest(bookcast_test.Case):
    def start_all(self):
        self.sim = self.start_sim("--symbols", "3", "--rate", "60")
        self.subscriber = self.subscribe(f"upbit.{SYMBOL}.trade\0", f"upbit.{SYMBOL}.candle-1s\0", "upbit.@")
        self.start_cache()
        self.begin()

    def begin(self):
        """A gateway that is heard here and by the cache before anything is traded."""
        bookcast_test.control(self.sim, "pause")
        self.gateway = self.start_gateway(self.sim, *CHANNELS, symbols=SYMBOL)
        beat = self.subscriber.wait(lambda m: m.channel == "heartbeat" and m.body[3] == self.gateway.pid, "a heartbeat")

        def known():
            gateways = json.loads(self.ask_cache("BC1", "GATEWAYS")[2])["gateways"]
            return any(g["epoch"] == beat.epoch and g["pid"] is not None for g in gateways)
        wait_until(known, "the cache hears the gateway")
        bookcast_test.control(self.sim, "resume")

    def wait_trades(self, n):
        self.subscriber.wait(lambda m: m.channel == "trade" and len(in_order(self.subscriber.heard)) >= n,
                             f"{n} trades")

    def settle(self):
        """Nothing more happens on the market, and all that did has arrived here and at the cache."""
        bookcast_test.control(self.sim, "pause")
        published = {}

        def all_heard():
            self.subscriber.socket.poll(50)
            self.subscriber.drain()
            now = (in_order(self.subscriber.heard)[-1].body[3], self.trades("-n", 1)[1][-1]["trade_id"],
                   self.sent())
            quiet, published["last"] = published.get("last") == now, now
            return quiet and now[0] == now[1]
        wait_until(all_heard, lambda: f"the cache has the newest trade that was heard: {published}")

    def sent(self):
        """How many trades and candles the gateway has published, as the cache counts."""
        stats = json.loads(self.ask_cache("BC1", "STATS")[2])
        return stats["history_kept"] + stats["history_known"]

    def trades(self, *arguments):
        status, objects, err = self.cli_json("trades", "upbit", SYMBOL, *arguments)
        self.assertIn(status, (0, 3), err)
        return status, objects

    def assert_same(self, objects, heard, at_least):
        """The same trades, from the first one on that both heard live: the exchange sends its last trade as soon
        as it is asked, and either may have found the gateway a moment later."""
        got, want = list(map(of_json, objects)), list(map(of_message, heard))
        begin = max(min(place(of_json(o)) for o in objects if "rest" not in o["flags"]),
                    min(place(of_message(m)) for m in heard if "rest" not in m.flags))
        got, want = ([t for t in trades if place(t) >= begin] for trades in (got, want))
        self.assertEqual(got, want)
        self.assertGreaterEqual(len(got), at_least)

    def test_trades_are_those_a_subscriber_heard(self):
        self.start_all()
        self.wait_trades(30)
        self.settle()
        heard = in_order(self.subscriber.heard)
        for n in (1, 20, 10000):
            _, objects = self.trades("-n", n)
            self.assert_same(objects, heard[-n:], min(n, 29))
            self.assertLessEqual(len(objects), n)
        status, objects, _ = self.cli_json("trades", "upbit", "BTC/KRW", "-n", 2)
        self.assertEqual([of_json(o) for o in objects], list(map(of_message, heard[-2:])))
        self.assertEqual({o["symbol"] for o in objects}, {SYMBOL})
        status, out, err = self.cli("trades", f"upbit.{SYMBOL}", "-n", 3)
        rows = [line for line in out.splitlines() if any(m.body[3] in line for m in heard[-3:])]
        self.assertEqual(len(rows), 3, out)

    def test_candles_are_the_last_of_each_second(self):
        self.start_all()
        starts = set()

        def enough(m):
            if m.channel == "candle":
                starts.add(m.body[1])
            return len(starts) >= 3
        self.subscriber.wait(enough, "candles of three seconds")
        self.wait_trades(1)
        self.settle()
        got, want = [], []

        def same():  # the market stands still; what was sent may still be on its way to either
            self.subscriber.drain()
            last = {}
            for m in self.subscriber.heard:
                if m.channel == "candle" and (m.body[1] not in last or m.ts_exchange >= last[m.body[1]].ts_exchange):
                    last[m.body[1]] = m
            status, objects, err = self.cli_json("candles", "upbit", SYMBOL, "--interval", "1s", "-n", 3)
            self.assertIn(status, (0, 3), err)
            self.assertEqual({o["interval"] for o in objects}, {"1s"})
            got[:] = [(o["ts_open"], o["epoch"], o["seq"]) for o in objects]
            want[:] = [(start, last[start].epoch, last[start].seq) for start in sorted(last)[-3:]]
            return got == want
        wait_until(same, lambda: f"the cache has {want}, last {got}")
        self.assertEqual(len(got), 3)
        status, _, err = self.cli_json("candles", "upbit", SYMBOL, "--interval", "4h")
        self.assertEqual(status, 2)
        self.assertIn("no data yet", err)

    def test_history_outlives_its_gateway_and_says_how_old_it_is(self):
        self.start_all()
        self.wait_trades(10)
        self.settle()
        self.gateway.kill()
        wait_until(lambda: self.trades("-n", 1)[0] == 3, "trades of a gateway that is gone are not fit")
        self.subscriber.drain()
        before = in_order(self.subscriber.heard)
        status, objects = self.trades("-n", 10000)
        self.assert_same(objects, before, 9)
        self.assertEqual({(o["state"], o["reason"]) for o in objects}, {("stale", "gateway")})
        self.assertGreater(objects[-1]["proven_ns"], 2 * bookcast_test.HEARTBEAT * 1e9)
        self.begin()
        self.wait_trades(len(before) + 5)
        self.settle()
        status, objects = self.trades("-n", 10000)
        # Nothing is there twice, though the new gateway fetches what was traded before; nothing is gone.
        ids = [o["trade_id"] for o in objects]
        self.assertEqual(len(set(ids)), len(ids))
        self.assert_same(objects, in_order(self.subscriber.heard), 14)
        self.assertEqual(len({o["epoch"] for o in objects}), 2)


if __name__ == "__main__":
    bookcast_test.main(together=3)
