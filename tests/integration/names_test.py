"""Unified names where the exchange's own spelling does not follow from them (BTC/USDT is BTCUSDT, and on
the futures exchange BTC/USDT:USDT is): every client is told by the cache, which knows it from the
instruments that gateways publish."""
import os
import sys
import threading
import time
import unittest

import bookcast_test
from bookcast_test import BIN, DEADLINE, SOURCE, wait_until
from fake_gateway import CANDLE, INSTRUMENT, LIVE, STATE, TRADE, Gateway

sys.path.insert(0, str(SOURCE / "subscribers" / "python"))
sys.dont_write_bytecode = True
import bookcast  # noqa: E402 (the path comes first)

SPOT, LINEAR, DELIVERY = 0, 1, 3
MINUTE = 60 * 10**9
# exchange: (own spelling, unified name, base, quote, kind, best bid)
INSTRUMENTS = {
    "binance-spot": [("BTCUSDT", "BTC/USDT", "BTC", "USDT", SPOT, 100),
                     ("1000SATSUSDT", "1000SATS/USDT", "1000SATS", "USDT", SPOT, 110),
                     ("USDTBRL", "USDT/BRL", "USDT", "BRL", SPOT, 120)],
    "binance-usdm": [("BTCUSDT", "BTC/USDT:USDT", "BTC", "USDT", LINEAR, 200),
                     ("BTCUSDT_260327", "BTC/USDT:USDT-260327", "BTC", "USDT", DELIVERY, 210),
                     ("BTCUSDC", "BTC/USDC:USDC", "BTC", "USDC", LINEAR, 220)],
}
NAMES = [(exchange, own, unified, bid) for exchange, rows in INSTRUMENTS.items()
         for own, unified, _, _, _, bid in rows]


class Exchange(Gateway):
    """A gateway of one of them, with all its symbols live."""

    def __init__(self, case, exchange):
        rows = INSTRUMENTS[exchange]
        super().__init__(case, exchange=exchange, symbols=[own for own, *_ in rows], promised=60)
        for own, unified, base, quote, kind, bid in rows:
            self.send(f"{own}.instrument", INSTRUMENT, LIVE,
                      [base, quote, kind, unified, [1, -2], [1, -5], [1, 0], 1])
            self.send(f"{own}.state", STATE, LIVE, [LIVE])
            self.book(own, bid)
            for i in range(3):
                self.trade(own, bid, i)
                self.candle(own, bid, i)

    def trade(self, own, price, i):
        self.send(f"{own}.trade", TRADE, LIVE, [0, 0, price, 1, 1, f"{own}-{i}"])

    def candle(self, own, price, i):
        self.send(f"{own}.candle-1m", CANDLE, LIVE,
                  [1, i * MINUTE, 0, 0, price, price, price, price + i, 1, 1, True])


class NamesTest(bookcast_test.Case):
    def setUp(self):
        super().setUp()
        self.gateways = []
        self.start_cache()
        for exchange in INSTRUMENTS:
            Exchange(self, exchange)
        self.stopping = threading.Event()
        self.player = threading.Thread(target=self.play)
        self.player.start()
        wait_until(self.all_known, "the cache has heard of every symbol")

    def play(self):
        """All sockets of the gateways are this thread's from here on."""
        last = 0.0
        while not self.stopping.is_set():
            for gateway in self.gateways:
                gateway.turn()
                if time.monotonic() - last > 0.1:
                    for own, _, _, _, _, bid in INSTRUMENTS[gateway.exchange]:
                        gateway.book(own, bid)
                        # Who is late is not welcomed with trades; the cache knows these by their ids.
                        for i in range(3):
                            gateway.trade(own, bid, i)
                            gateway.candle(own, bid, i)
            if time.monotonic() - last > 0.1:
                last = time.monotonic()
            time.sleep(0.005)

    def tearDown(self):
        self.stopping.set()
        self.player.join()
        super().tearDown()

    def all_known(self):
        return all(self.ask_cache("BC1", "RESOLVE", exchange, unified)[2:] == [b"200", own.encode()] and
                   len(self.ask_cache("BC1", "TRADES", f"{exchange}.{own}.trade", 9)) == 2 + 6 + 3 and
                   len(self.ask_cache("BC1", "CANDLES", f"{exchange}.{own}.candle-1m", 9)) == 2 + 6 + 3
                   for exchange, own, unified, _ in NAMES)

    def both(self, verb, exchange, own, unified, *arguments):
        """What the verb says of either name: it must be the same, but for ages and sequences."""
        found = []
        for name in (own, unified):
            status, objects, err = self.cli_json(verb, exchange, name, *arguments)
            self.assertEqual(status, 0, err)
            for o in objects:
                self.assertEqual((o["exchange"], o["symbol"]), (exchange, own))
                for key in ("age_ns", "proven_ns", "seq", "ts_recv", "ts_publish", "since", "flags"):
                    o.pop(key)
            found.append(objects)
        self.assertEqual(found[0], found[1])
        self.assertTrue(found[0])
        return found[0]

    def test_get_trades_and_candles_take_either(self):
        for exchange, own, unified, bid in NAMES:
            book, = self.both("get", exchange, own, unified)
            self.assertEqual(book["bids"], [[str(bid), "1"]])
            trades = self.both("trades", exchange, own, unified, "-n", 3)
            self.assertEqual({t["trade_id"] for t in trades}, {f"{own}-{i}" for i in range(3)})
            candles = self.both("candles", exchange, own, unified, "--interval", "1m", "-n", 2)
            self.assertEqual([c["ts_open"] for c in candles], [MINUTE, 2 * MINUTE])
        self.both("get", "binance-usdm", "BTCUSDT", "BTC/USDT:USDT", "--channel", "instrument")

    def test_the_dotted_form_and_several_at_once(self):
        status, objects, _ = self.cli_json("get", "binance-usdm.BTC/USDT:USDT")
        self.assertEqual((status, [o["symbol"] for o in objects]), (0, ["BTCUSDT"]))
        status, objects, _ = self.cli_json("get", "binance-spot", "1000SATS/USDT", "BTCUSDT", "USDT/BRL")
        self.assertEqual((status, [o["symbol"] for o in objects]), (0, ["1000SATSUSDT", "BTCUSDT", "USDTBRL"]))

    def test_a_name_of_the_other_exchange_is_not_found(self):
        for exchange, name in (("binance-usdm", "BTC/USDT"), ("binance-spot", "BTC/USDT:USDT"),
                               ("binance-spot", "BTC/EUR"), ("kraken", "BTC/USDT")):
            for verb in ("get", "trades", "candles", "list"):
                status, objects, err = self.cli_json(verb, f"{exchange}.{name}")
                self.assertEqual((status, objects), (2, []), err)
                self.assertIn(f"{exchange} has no instrument {name}", err)

    def test_list_and_watch(self):
        for exchange, own, unified, _ in NAMES:
            status, objects, err = self.cli_json("list", f"{exchange}.{unified}")
            self.assertEqual((status, [(o["exchange"], o["symbol"]) for o in objects]), (0, [(exchange, own)]), err)
            status, objects, err = self.cli_json("watch", f"{exchange}.{unified}.book", "--count", 2)
            self.assertEqual({(o["exchange"], o["symbol"], o["channel"]) for o in objects}, {(exchange, own, "book")})
        status, objects, _ = self.cli_json("watch", "binance-usdm.BTC/USDT:USDT", "--count", 9)
        self.assertEqual({o["symbol"] for o in objects}, {"BTCUSDT"})
        self.assertGreater(len({o["channel"] for o in objects}), 1)

    def test_the_python_client(self):
        with bookcast.connect(f"ipc://{self.run_dir}/cache.rpc", timeout=bookcast_test.DEADLINE) as bus:
            for exchange, own, unified, bid in NAMES:
                latest = bus.latest(exchange, unified, "book")
                self.assertEqual((latest.symbol, latest.bids[0][0]), (own, bid))
                self.assertEqual({t.trade_id for t in bus.trades(exchange, unified)}, {f"{own}-{i}" for i in range(3)})
                self.assertEqual([c.ts_open for c in bus.candles(exchange, unified, "1m", n=2)], [MINUTE, 2 * MINUTE])
                bus.subscribe(exchange, unified, "book")
            self.assertRaises(bookcast.NotFound, bus.subscribe, "binance-usdm", "BTC/USDT", "book")
            wanted = {(exchange, own) for exchange, own, _, _ in NAMES}
            deadline = time.monotonic() + DEADLINE
            while wanted and time.monotonic() < deadline:
                m = bus.recv(timeout=1)
                if m is not None and m.channel == "book":
                    wanted.discard((m.exchange, m.symbol))
            self.assertEqual(wanted, set())
            self.assertTrue(bus.fit("binance-usdm", "BTC/USDT:USDT-260327"))

    @unittest.skipUnless(os.path.exists(BIN / "example-late_joiner"), "the examples are not built")
    def test_libbookcast(self):
        for exchange, own, unified, bid in NAMES:
            status, out, err = self.run_program("example-late_joiner", exchange, unified, 2)
            self.assertEqual(status, 0, err)
            lines = out.splitlines()
            self.assertEqual(len(lines), 4, out)
            for line in lines[:3]:
                self.assertTrue(line.startswith(f"{exchange}.{own}.book #"), line)
                self.assertTrue(line.endswith(f"best bid {bid} x 1"), line)


if __name__ == "__main__":
    bookcast_test.main()
