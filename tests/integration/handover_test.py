"""The exchange announces that it will close the connection: the gateway has another one by then, and
nobody notices: no trade is missing, no symbol leaves live or quiet, and every book stays true."""
import time

import bookcast_test
from bookcast_test import FIT, control, truth, wait_until

SYMBOLS = ("BTCUSDT", "ETHUSDT")


class HandoverTest(bookcast_test.Case):
    exchange = "binance-spot"

    def test_nobody_notices(self):
        sim = self.start_sim("--symbols", "4", "--rate", "300", "--plain")
        heard = self.subscribe("binance-spot.")
        gateway = self.start_gateway(sim, "--channels", "book, bbo, trade, ticker, candle-1s", "--history-trades", "0",
                                     symbols=",".join(SYMBOLS))
        for symbol in SYMBOLS:
            heard.wait(lambda m: m.topic == f"binance-spot.{symbol}.book" and m.state == "live", f"{symbol} is live")
        heard.forget()
        control(sim, "fault", name="shutdown", **{"in": 9})
        gateway.wait_log("handover.done")
        over = time.monotonic() + 5  # the exchange has closed what it said it would
        heard.wait(lambda m: m.arrived > over, "data after that")
        control(sim, "pause")
        self.assertEqual({m.state for m in heard.heard if not m.topic.startswith("binance-spot.@")} - FIT, set())
        self.assertEqual({m.state for m in heard.heard if m.channel == "heartbeat"}, {"live"})
        self.assertEqual(bookcast_test.holes(heard.heard), [])
        for symbol in SYMBOLS:
            ids = [int(m.body[3]) for m in heard.heard if m.topic == f"binance-spot.{symbol}.trade"]
            self.assertGreater(len(ids), 20)
            self.assertEqual(ids, list(range(ids[0], ids[0] + len(ids))), symbol)

            def right():
                heard.socket.poll(10)
                heard.drain()
                bids, asks = truth(sim, symbol)
                newest = [m for m in heard.heard if m.topic == f"binance-spot.{symbol}.book"][-1]
                n, k = len(newest.body[0]), len(newest.body[1])
                return n and newest.body == (bids[:n], asks[:k])
            wait_until(right, f"the true book of {symbol}")
        self.assertIn("ws.retired", gateway.err)
        self.assertNotIn("ws.given-up", gateway.err)


if __name__ == "__main__":
    bookcast_test.main()
