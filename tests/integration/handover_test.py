"""A connection that the exchange says it will close, or that an operator wants replaced: the gateway has another one
by then, and nobody notices: no trade is missing, no symbol leaves live or quiet, and every book stays true."""
import time

import bookcast_test
from bookcast_test import FIT, ask, control, truth, wait_until


class HandoverTest(bookcast_test.Case):
    def begin(self, exchange, symbols):
        self.exchange = exchange
        self.symbols = symbols
        self.sim = self.start_sim("--symbols", "4", "--rate", "300", "--plain")
        self.heard = self.subscribe(f"{exchange}.")
        self.gateway = self.start_gateway(self.sim, "--channels", "book, bbo, trade, ticker, candle-1s",
                                          "--history-trades", "0", "--silent-after", "60s", "--quiet-after", "60s", symbols=",".join(symbols))
        for symbol in symbols:
            self.heard.wait(lambda m: m.topic == f"{exchange}.{symbol}.book" and m.state == "live", f"{symbol} is live")
        self.heard.forget()

    def trades(self, symbol):
        return [int(m.body[3]) for m in self.heard.heard if m.topic == f"{self.exchange}.{symbol}.trade"]

    def assert_right(self, symbol):
        def right():
            self.heard.socket.poll(10)
            self.heard.drain()
            bids, asks = truth(self.sim, symbol)
            newest = [m for m in self.heard.heard if m.topic == f"{self.exchange}.{symbol}.book"][-1]
            n, k = len(newest.body[0]), len(newest.body[1])
            return n and newest.body == (bids[:n], asks[:k])
        wait_until(right, f"the true book of {symbol}")

    def assert_nobody_notices(self, over):
        self.heard.wait(lambda m: m.arrived > over, "data after that")
        control(self.sim, "pause")
        self.assertEqual({m.state for m in self.heard.heard if not m.topic.startswith(f"{self.exchange}.@")} - FIT,
                         set())
        self.assertEqual({m.state for m in self.heard.heard if m.channel == "heartbeat"}, {"live"})
        self.assertEqual(bookcast_test.holes(self.heard.heard), [])
        for symbol in self.symbols:
            self.assertGreater(len(self.trades(symbol)), 20)
            self.assert_right(symbol)
        self.assertIn("ws.retired", self.gateway.err)
        self.assertNotIn("ws.given-up", self.gateway.err)

    def test_an_announced_end(self):
        self.begin("binance-spot", ("BTCUSDT", "ETHUSDT"))
        control(self.sim, "fault", name="shutdown", **{"in": 9})
        self.gateway.wait_log("handover.done")
        self.assert_nobody_notices(time.monotonic() + 5)  # the exchange has closed what it said it would
        for symbol in self.symbols:
            ids = self.trades(symbol)
            self.assertEqual(ids, list(range(ids[0], ids[0] + len(ids))), symbol)

    def test_one_that_is_asked_for(self):
        """Where nothing is numbered: whole books by their time, and no trade twice."""
        self.begin("upbit", ("KRW-BTC", "KRW-ETH"))
        self.assertEqual(ask(self.context, self.gateway.ready["ctl"], ("BC1", "RENEW"))[1], b"200")
        self.gateway.wait_log("handover.done")
        self.assert_nobody_notices(time.monotonic() + 1)
        for symbol in self.symbols:
            ids = self.trades(symbol)
            self.assertEqual(len(ids), len(set(ids)), symbol)


if __name__ == "__main__":
    bookcast_test.main()
