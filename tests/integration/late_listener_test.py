"""History follows who listens: while nobody does nothing is asked, and a cache that starts long after its
gateway holds the trades from before it, without a hole, up to those it hears live."""
import concurrent.futures
import json
import time
import urllib.request

import bookcast_test
import fake_gateway
from bookcast_test import wait_until

CHANNELS = ("--channels", "book, trade, candle-1s", "--metrics", "127.0.0.1:0")
BEFORE = 40  # trades that nobody listened to


class Upbit:
    name, symbol, flags = "upbit", "KRW-BTC", ()
    path = "/v1/trades/ticks?market=KRW-BTC&count=500"
    number = "sequential_id"


class BinanceSpot:
    name, symbol, flags = "binance-spot", "BTCUSDT", ("--trade-source", "trade")
    path = "/api/v3/trades?symbol=BTCUSDT&limit=1000"
    number = "id"


class LateListenerTest(bookcast_test.Case):
    def start_gateway_alone(self, exchange):
        """Trades come in live, and nobody wants them."""
        self.exchange_asked, self.x = 0.0, exchange
        self.sim = self.start_sim("--symbols", "2", "--rate", "60", "--seed", "5", exchange=exchange.name)
        self.gateway = self.start_gateway(self.sim, *CHANNELS, *exchange.flags, symbols=exchange.symbol,
                                          exchange=exchange.name)
        wait_until(lambda: self.metric("bookcast_events_total", 'channel="trade"') >= BEFORE,
                   "the gateway takes in trades")

    def metric(self, name, labels=""):
        with urllib.request.urlopen(f"http://{self.gateway.ready['metrics']}/metrics", timeout=bookcast_test.DEADLINE) as answer:
            text = answer.read().decode()
        rows = [line for line in text.splitlines() if line.startswith(name + "{") and labels in line]
        self.assertEqual(len(rows), 1, text)
        return int(rows[0].split()[-1])

    def exchange_trades(self):
        """The exchange's last ones; asked so seldom that the gateway keeps its part of the limit."""
        if time.monotonic() >= self.exchange_asked + 0.5:
            status, text = bookcast_test.http(self.sim, "GET", self.x.path)
            self.assertEqual(status, 200, text)
            self.exchange_asked, self.known = time.monotonic(), json.loads(text)
        return sorted(t[self.x.number] for t in self.known)

    def kept(self, n):
        """The ids of the newest ones that the cache has."""
        status, objects, err = self.cli_json("trades", self.x.name, self.x.symbol, "-n", n)
        self.assertIn(status, (0, 2, 3), err)
        return [int(o["trade_id"]) for o in objects]

    def whole(self):
        """The cache has every trade of the exchange from its oldest one on, each once and in order."""
        kept = self.kept(10000)
        return kept == [i for i in self.exchange_trades() if kept and i >= kept[0]]

    def check(self, exchange):
        self.start_gateway_alone(exchange)
        self.assertEqual(self.metric("bookcast_history_total"), 0, "nobody asked for it")
        before = self.exchange_trades()[-1]
        self.start_cache()
        wait_until(lambda: [before] > self.kept(10000)[:1] > [], "a trade in the cache from before it was there")
        bookcast_test.control(self.sim, "pause")
        self.exchange_asked = 0.0
        wait_until(self.whole, lambda: f"of {self.exchange_trades()} the cache has {self.kept(10000)}")
        kept = self.kept(BEFORE)
        self.assertEqual(kept, self.exchange_trades()[-BEFORE:])
        self.assertLess(self.kept(10000)[0], before)
        wait_until(lambda: self.metric("bookcast_history_total") >= BEFORE, "it came by REST")

    def test_upbit(self):
        self.check(Upbit)

    def test_binance_spot(self):
        self.check(BinanceSpot)

    def test_watch_says_what_is_history(self):
        self.gateways = []
        gateway = fake_gateway.Gateway(self)
        self.start_cache()
        words = ("live", "live  snapshot", "live  snapshot rest")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            watching = pool.submit(self.cli, "watch", "upbit.KRW-BTC.trade", "--count", len(words))
            while not watching.done():
                gateway.turn()
                for flags in (0, 1, 5):
                    gateway.send("KRW-BTC.trade", fake_gateway.TRADE, fake_gateway.LIVE, [0, 0, 9, 1, 1, "7"], flags=flags)
                concurrent.futures.wait([watching], 0.01)
            status, out, err = watching.result()
        self.assertEqual(status, 0, err)
        self.assertEqual({line.split("trade ")[1].strip() for line in out.splitlines()}, set(words), out)


if __name__ == "__main__":
    bookcast_test.main(together=3)
