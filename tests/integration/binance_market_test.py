"""The simulated Binance, spot and USD-M, through gateway and cache: every cached book is the true one, a lost
change is one symbol's matter, and connections are replaced without a hole."""
import bookcast_test
from binance_line import N, PATIENT, Line
from bookcast_test import FIT, control, wait_until


class Market(Line):
    def begin(self, *flags, **how):
        super().begin(*PATIENT, *flags, **how)

    def test_deep_books_walk_and_every_one_is_true(self):
        # Of a snapshot of 100 levels fewer than 40 are left after some seconds.
        self.begin_live("--snapshot-levels", "100", rate=300, sim_flags=("--walk", "2"), tls=True)
        self.forget()
        wait_until(lambda: self.counter("snapshots_edge_total") >= self.n, "a second snapshot of most symbols", 180)
        self.assert_true_when_paused()
        # Who walks out of its snapshot before the next one is there may not be live; nobody else leaves it.
        left = [reason for s in self.states().values() for state, reason in s if state == "stale"]
        self.assertEqual(set(left) - {"gap"}, set())
        wait_until(lambda: self.counter("edges_reached_total") >= len(left), f"{len(left)} edges, counted")
        self.assertLess(len(left), self.n / 2)
        self.assertEqual(self.counter("sequence_gaps_total"), 0)
        self.assertEqual(bookcast_test.holes(self.heard.heard), [])
        print(f"{self.counter('snapshots_edge_total'):.0f} snapshots beside running books, {len(left)} came too late",
              end=" ")

    def test_a_lost_change_is_one_symbols_matter(self):
        self.begin_live()
        symbol = "ETHUSDT"
        self.forget()
        asked = self.counters()["snapshots_asked"]
        # Slow, so that everybody else can be heard while this one is not fit.
        self.fault("rest-slow", n=1, ms=2000)
        self.fault("drop", n=1, symbol=symbol, match="depthUpdate")
        stale = self.wait_state(symbol, "stale", "gap")
        live = self.heard.wait(lambda m: m.topic == stale.topic and m.seq > stale.seq, "its next state")
        self.assertEqual((live.state, live.reason), ("live", "none"))
        meanwhile = {self.symbol(m) for m in self.data() if stale.ts_publish < m.ts_publish < live.ts_publish and
                     m.channel in ("book", "bbo", "trade") and m.state in FIT and "state" not in m.flags}
        self.assertEqual(len(meanwhile - {symbol}), self.n - 1, f"only these were heard: {meanwhile}")
        self.assertEqual(set(self.states()), {symbol})
        self.assertEqual({self.symbol(m) for m in self.data() if m.state not in FIT}, {symbol})
        self.assertEqual(bookcast_test.holes(self.heard.heard), [])
        self.assert_true_when_paused()
        self.assertEqual(self.counters()["snapshots_asked"], asked + 1)

    def counters(self):
        """Those of the next heartbeat."""
        self.heard.drain()
        last = len(self.heard.heard)
        return self.heard.wait(lambda m: m.channel == "heartbeat" and self.heard.heard.index(m) >= last,
                               "a heartbeat").body[9]

    def handed_over(self, begin, lines):
        """Each connection is replaced, and nobody who listens can tell."""
        self.begin_live()
        self.forget()
        begin()
        wait_until(lambda: self.counter("ws_handovers_total") >= lines, "the successors take over", 180)
        last = {m.topic: m.seq for m in self.data()}
        self.heard.wait(lambda m: m.topic == f"{self.exchange}.BTCUSDT.trade" and m.seq > last[m.topic] + 20,
                        "the stream goes on")
        self.assertEqual(dict(self.states()), {})
        self.assertEqual({m.state for m in self.data()}, {"live"})
        self.assertEqual(bookcast_test.holes(self.heard.heard), [])
        self.assert_no_trade_lost()
        for m in self.data():  # newer ones only; who comes late is welcomed, and all hear it
            if m.channel in ("book", "bbo") and "welcome" not in m.flags:
                self.assertGreater(m.exchange_seq, last.get(("number", m.topic), 0), m.topic)
                last["number", m.topic] = m.exchange_seq
        self.assertEqual(control(self.sim, "status")["sessions_ever"], 2 * lines)
        self.assertEqual(self.counter("sequence_gaps_total"), 0)
        self.assert_true_when_paused()

    def test_connections_are_renewed_without_a_hole(self):
        self.handed_over(lambda: self.ctl("RENEW"), len(self.lines))

    def test_the_unified_name_is_the_same_symbol(self):
        self.begin_live()
        control(self.sim, "pause")
        self.assert_true_when_paused()
        control(self.sim, "pause")
        own, unified = (self.cli_json("get", self.exchange, name)[1] for name in (self.canary, self.unified))
        self.assertGreaterEqual(unified[0].pop("age_ns"), own[0].pop("age_ns"))
        for answer in own, unified:  # a heartbeat between the two proves it anew
            self.assertLess(answer[0].pop("proven_ns"), bookcast_test.DEADLINE * 1e9)
        self.assertEqual(own, unified)

    def test_more_streams_than_one_connection_carries(self):
        # A connection carries 200 streams of USD-M, 1024 of spot; and each the canary's, too.
        self.begin("--channels", "book,bbo,trade,ticker,candle-1m,candle-5m,candle-1h", "--snapshot-levels", "100",
                   rate=300, n=self.many)
        self.wait_live(180)
        status = control(self.sim, "status")
        self.assertGreater(status["sessions"], len(self.lines))
        opened = self.logged("ws.opened")
        self.assertEqual(opened, status["sessions"])
        self.assertEqual(self.logged("feed.proven"), opened)
        self.assert_true_when_paused()
        counted = []

        def all_open():  # as the newest heartbeat tells it
            counted[:] = [self.cli_json("gateways")[1][0]["counters"][key] for key in ("connections_open", "reconnects")]
            return counted == [opened, 0]
        wait_until(all_open, lambda: f"connections open, reconnects: {counted}, not {[opened, 0]}")


class SpotTest(Market, bookcast_test.Case):
    exchange = "binance-spot"
    lines = {"legacy": "stream"}
    unified = "BTC/USDT"
    many = 160

    def test_an_announced_shutdown_makes_no_hole(self):
        self.handed_over(lambda: self.fault("shutdown", **{"in": 5}), 1)


class UsdmTest(Market, bookcast_test.Case):
    exchange = "binance-usdm"
    lines = {"public": "public", "market": "market"}
    unified = "BTC/USDT:USDT"
    many = 120


class InstrumentTest(bookcast_test.Case):
    def test_every_exchange_describes_its_instruments_alike(self):
        for exchange in ("upbit", "binance-spot", "binance-usdm"):
            with self.subTest(exchange):
                sim = self.start_sim("--plain", "--symbols", N, exchange=exchange)
                self.start_gateway(sim, exchange=exchange)
        self.start_cache()
        found = {}

        def all_there():
            found.update({(o["exchange"], o["symbol"]): o for e in ("upbit", "binance-spot", "binance-usdm")
                          for o in self.cli_json("get", f"{e}.*", "--channel", "instrument")[1]})
            return len(found) == 3 * N and all(o["tick"] for o in found.values())
        wait_until(all_there, lambda: f"the instruments; {len(found)}")
        for (exchange, symbol), o in found.items():
            self.assertTrue(o["base"] and o["quote"], o)
            self.assertEqual(o["status"], "trading")
            unified = f"{o['base']}/{o['quote']}"
            if exchange == "binance-usdm":
                unified += f":{o['quote']}"
                self.assertEqual(o["contract_size"], "1")
                if "_" in symbol:
                    unified += "-" + symbol.split("_")[1]
                self.assertEqual(o["kind"], "delivery" if "_" in symbol else "linear")
            else:
                self.assertEqual((o["kind"], o["contract_size"]), ("spot", None))
            self.assertEqual(o["unified"], unified)
            if exchange != "upbit":  # it has no lot, only a smallest order
                self.assertGreater(float(o["lot"]), 0)
        listed = {(o["exchange"], o["symbol"]): o for o in self.cli_json("list")[1]}
        self.assertEqual(set(listed), set(found))
        status, out, _ = self.cli("get", "binance-usdm", "BTC/USDT:USDT", "--channel", "instrument")
        self.assertIn(status, (0, 3))
        for word in ("BTC", "USDT", "linear", "trading", "BTC/USDT:USDT"):
            self.assertIn(word, out)


if __name__ == "__main__":
    bookcast_test.main(together=3)
