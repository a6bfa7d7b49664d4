"""bookcast-sim as a client of Binance sees it: snapshots and changes that join to the true book over
real sockets, its pings and its end, and captures with the answers of the REST API in their place."""
import json
import time
from decimal import Decimal

import bookcast_test
import websocket
from bookcast_test import control, http, levels, wait_until

SPOT = {"name": "binance-spot", "ws": "", "rest": "/api/v3", "market": ""}
USDM = {"name": "binance-usdm", "ws": "/public", "rest": "/fapi/v1", "market": "/market"}
EXCHANGES = (SPOT, USDM)


class Binance(bookcast_test.Case):
    def sim(self, exchange, *arguments):
        return self.start_sim("--exchange", exchange["name"], *arguments)

    def connect(self, sim, path):
        ws = websocket.WebSocket(sim.ready["ws"], path=path, ca_file=sim.ready.get("ca_file"))
        self.addCleanup(ws.close)
        return ws


class Book:
    """One book by the rules of docs/exchanges/, in Python: independent of everything under test."""

    def __init__(self, snapshot, usdm):
        self.usdm, self.joined = usdm, False
        self.id = snapshot["lastUpdateId"]
        self.sides = {"b": dict(levels(snapshot["bids"])), "a": dict(levels(snapshot["asks"]))}
        self.edge = {"b": min(self.sides["b"]), "a": max(self.sides["a"])}

    def apply(self, event):
        if event["u"] < self.id or (event["u"] == self.id and not self.usdm):
            return
        if self.usdm:
            links = event["pu"] == self.id or (not self.joined and event["U"] <= self.id <= event["u"])
        else:
            links = event["U"] == self.id + 1 or (not self.joined and event["U"] <= self.id + 1 <= event["u"])
        assert links, (self.id, self.joined, {k: event[k] for k in ("U", "u")})
        self.joined, self.id = True, event["u"]
        for side in "ba":
            for price, quantity in levels(event[side]):
                if quantity:
                    self.sides[side][price] = quantity
                else:
                    self.sides[side].pop(price, None)

    def inside(self, side):
        """The levels the snapshot vouches for, best first."""
        sign = -1 if side == "b" else 1
        return sorted(((p, q) for p, q in self.sides[side].items() if sign * p <= sign * self.edge[side]),
                      key=lambda level: sign * level[0])

    def top(self, side, n):
        return sorted(self.sides[side].items(), key=lambda level: level[0], reverse=side == "b")[:n]


class ModelTest(Binance):
    def test_a_joined_book_is_the_true_book(self):
        for exchange in EXCHANGES:
            with self.subTest(exchange["name"]):
                sim = self.sim(exchange, "--symbols", "4", "--rate", "400", "--levels", "1500")
                ws = self.connect(sim, f"{exchange['ws']}/stream?streams=btcusdt@depth@100ms")
                events = [json.loads(ws.recv()[1]) for _ in range(5)]
                status, text = http(sim, "GET", f"{exchange['rest']}/depth?symbol=BTCUSDT&limit=1000")
                self.assertEqual(status, 200, text)
                book = Book(json.loads(text), exchange is USDM)
                self.assertEqual(len(book.sides["b"]), 1000)
                events += [json.loads(ws.recv()[1]) for _ in range(15)]
                control(sim, "pause")
                events += [json.loads(text) for text in ws.settled()]
                for event in events:
                    self.assertEqual(event["stream"], "btcusdt@depth@100ms")
                    book.apply(event["data"])
                true = json.loads(http(sim, "GET", "/truth/BTCUSDT")[1])
                self.assertEqual(book.id, true["exchange_seq"])
                for side, name in (("b", "bids"), ("a", "asks")):
                    want = [x for x in levels(true[name]) if book.edge["b"] <= x[0] <= book.edge["a"]]
                    self.assertEqual(book.inside(side), want)
                    self.assertGreater(len(true[name]), 1400)

    def test_it_pings_is_answered_or_closes(self):
        sim = self.sim(SPOT, "--plain", "--symbols", "2")
        ws = self.connect(sim, "/ws")
        control(sim, "fault", name="exchange", set="ping", value=0.05)
        control(sim, "fault", name="exchange", set="pong", value=0.3)
        for _ in range(3):
            first, payload = ws.recv_frame()
            self.assertEqual(first & 0x0f, websocket.PING)
            ws.send_frame(websocket.PONG, payload)
        with self.assertRaises(websocket.Closed) as end:
            while True:
                ws.recv()
        self.assertEqual(end.exception.code, 1008)

    def test_too_many_messages_close_it(self):
        sim = self.sim(SPOT, "--plain", "--symbols", "2")
        ws = self.connect(sim, "/ws")
        for i in range(6):
            ws.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": i}))
        answers = [json.loads(ws.recv()[1])["id"] for _ in range(5)]
        self.assertEqual(answers, list(range(5)))
        with self.assertRaises(websocket.Closed) as end:
            ws.recv()
        self.assertEqual(end.exception.code, 1008)

    def test_a_shutdown_is_announced_and_happens(self):
        sim = self.sim(SPOT, "--plain", "--symbols", "2", "--rate", "100")
        ws = self.connect(sim, "/stream?streams=btcusdt@bookTicker")
        ws.recv()
        control(sim, "fault", name="shutdown", **{"in": 0.3})
        begun, announced, after = time.monotonic(), False, 0
        with self.assertRaises(websocket.Closed) as end:
            while True:
                frame = json.loads(ws.recv()[1])
                announced |= frame["stream"] == "!serverShutdown"
                after += announced
        self.assertEqual(end.exception.code, 1001)
        self.assertTrue(announced)
        self.assertGreater(after, 1, "data goes on until the end")
        self.assertGreater(time.monotonic() - begun, 0.25)
        usdm = self.sim(USDM, "--plain", "--symbols", "2")
        with self.assertRaisesRegex(AssertionError, "announces nothing"):
            control(usdm, "fault", name="shutdown")

    def test_a_change_of_one_symbol_is_dropped_and_nothing_else(self):
        sim = self.sim(SPOT, "--plain", "--symbols", "2", "--rate", "400")
        ws = self.connect(sim, "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/ethusdt@depth@100ms")
        last, gaps, seen = {}, [], set()
        for i in range(400):
            if i == 100:
                control(sim, "fault", name="drop", n=1, symbol="BTCUSDT", match="depthUpdate")
            frame = json.loads(ws.recv()[1])
            data = frame["data"]
            seen.add(frame["stream"])
            if "U" not in data:
                continue
            if data["s"] in last and data["U"] != last[data["s"]] + 1:
                gaps.append(data["s"])
            last[data["s"]] = data["u"]
        self.assertEqual(len(seen), 3)
        self.assertEqual(gaps, ["BTCUSDT"])

    def test_weights_are_limited_and_429_has_a_body(self):
        sim = self.sim(USDM, "--plain", "--symbols", "2")
        control(sim, "fault", name="exchange", set="weight", value=30)
        statuses = [http(sim, "GET", "/fapi/v1/depth?symbol=BTCUSDT&limit=1000")[0] for _ in range(2)]
        self.assertEqual(statuses, [200, 429])
        status, text = http(sim, "GET", "/fapi/v1/ping")
        self.assertEqual((status, json.loads(text)["code"]), (429, -1003))
        control(sim, "fault", name="clear")
        with self.assertRaisesRegex(AssertionError, "set must be"):
            control(sim, "fault", name="exchange", set="colour", value=1)


def change(symbol, first, last, prev, price, stream=None):
    data = {"e": "depthUpdate", "E": 1, "s": symbol, "U": first, "u": last, "pu": prev,
            "b": [[price, "1"]], "a": []}
    return {"stream": stream or f"{symbol.lower()}@depth@0ms", "data": data}


def trade(symbol, number):
    return {"stream": f"{symbol.lower()}@aggTrade",
            "data": {"e": "aggTrade", "s": symbol, "a": number, "p": "1", "q": "1"}}


class CaptureTest(Binance):
    """A recording of both routes, with two snapshots of A and one of B."""
    FRAMES = [json.dumps(x, separators=(",", ":")) for x in (
        change("AUSDT", 1, 5, 0, "1.0"), trade("AUSDT", 1), change("BUSDT", 10, 12, 9, "2.0"),
        change("AUSDT", 6, 9, 5, "1.1"), trade("BUSDT", 1), change("AUSDT", 10, 14, 9, "1.2"),
        {"result": None, "id": 1}, change("BUSDT", 13, 15, 12, "2.1"), trade("AUSDT", 2),
        change("AUSDT", 15, 19, 14, "1.3"), {"stream": "ausdt@markPrice", "data": {"e": "markPriceUpdate",
                                                                                "s": "AUSDT"}},
        change("BUSDT", 16, 18, 15, "2.2"))]
    BODIES = [("AUSDT", 5, 8), ("BUSDT", 7, 13), ("AUSDT", 11, 17)]  # symbol, received after, id
    BIDS = [["0.9", "1"], ["0.8", "2"], ["0.7", "3"], ["0.6", "4"], ["0.5", "5"]]
    DEPTH = [f for f in FRAMES if "@depth" in f]
    TRADES = [f for f in FRAMES if "@aggTrade" in f]

    def capture(self, bodies=BODIES):
        directory = self.directory / "small"
        (directory / "small.rest").mkdir(parents=True)
        (directory / "small.jsonl").write_text("".join(f + "\n" for f in self.FRAMES))
        rows = []
        for i, (symbol, at, number) in enumerate(bodies):
            body = {"lastUpdateId": number, "bids": self.BIDS, "asks": [["9", "1"]]}
            (directory / f"small.rest/{i:02}-{symbol}.json").write_text(json.dumps(body))
            rows.append({"file": f"small.rest/{i:02}-{symbol}.json", "ws_lines_received_before": at,
                         "url": f"https://fapi.binance.com/fapi/v1/depth?symbol={symbol}&limit=5"})
        (directory / "index.json").write_text(json.dumps({"captures": [{"name": "small", "rest": rows}]}))
        return self.sim(USDM, "--plain", "--capture", str(directory / "small.jsonl"), "--speed", "max")

    def get(self, sim, symbol, limit=5):
        status, text = http(sim, "GET", f"/fapi/v1/depth?symbol={symbol}&limit={limit}")
        return status, json.loads(text)

    def turns(self, sim):
        """The simulator has had occasion to send what it would."""
        for _ in range(20):
            control(sim, "status")

    def open(self, sim):
        public = self.connect(sim, "/public/stream?streams=ausdt@depth@100ms/busdt@depth@100ms")
        market = self.connect(sim, "/market/stream?streams=ausdt@aggTrade/busdt@aggTrade")
        return public, market

    def test_each_frame_goes_where_it_was_asked_for_once_its_snapshot_was(self):
        sim = self.capture()
        public, market = self.open(sim)
        self.assertEqual([public.recv()[1].decode() for _ in range(2)], self.DEPTH[:2])
        self.assertEqual(market.recv()[1].decode(), self.TRADES[0])
        wait_until(lambda: control(sim, "status").get("awaits") == "AUSDT", "the first snapshot's place")
        self.assertEqual(public.settled() + market.settled(), [])
        status, body = self.get(sim, "AUSDT", 10)
        self.assertEqual(status, 503, "there may be more than five levels")
        wait_until(lambda: control(sim, "status").get("awaits") == "BUSDT", "the second symbol's")
        self.assertEqual(self.get(sim, "BUSDT"),
                         (200, {"lastUpdateId": 13, "bids": self.BIDS, "asks": [["9", "1"]]}))
        self.assertEqual([public.recv()[1].decode() for _ in range(5)], self.DEPTH[2:])
        self.assertEqual([market.recv()[1].decode() for _ in range(2)], self.TRADES[1:])
        end = wait_until(lambda: (s := control(sim, "status"))["frame"] == s["frames"] and s, "the end")
        self.assertEqual((end["skipped"], end["unasked"]), (2, 0), "an answer, and a stream nobody asked for")
        self.assertEqual(self.get(sim, "BUSDT")[0], 503, "nobody knows a later book")

    def test_who_asks_before_subscribing_waits_for_nothing(self):
        sim = self.capture()
        self.assertEqual(self.get(sim, "AUSDT")[1]["lastUpdateId"], 8)
        self.assertEqual(self.get(sim, "AUSDT")[1]["lastUpdateId"], 8, "the same, while it can be joined")
        self.assertEqual(self.get(sim, "BUSDT")[0], 200)
        public, market = self.open(sim)
        self.assertEqual([public.recv()[1].decode() for _ in range(7)], self.DEPTH)
        self.assertEqual([market.recv()[1].decode() for _ in range(3)], self.TRADES)

    def test_it_does_not_wait_for_ever(self):
        sim = self.capture()
        public, _ = self.open(sim)
        begun = time.monotonic()
        self.assertEqual([public.recv()[1].decode() for _ in range(7)], self.DEPTH)
        self.assertGreater(time.monotonic() - begun, 8)
        self.assertEqual(control(sim, "status")["unasked"], 2)

    def test_no_frame_goes_to_the_wrong_route_or_before_its_readers_are_there(self):
        sim = self.capture(bodies=[])
        wrong = self.connect(sim, "/stream?streams=ausdt@aggTrade/busdt@aggTrade")
        public = self.connect(sim, "/public/stream")
        self.assertEqual(public.settled(), [])
        public.send(json.dumps({"method": "SUBSCRIBE", "params": ["ausdt@depth"], "id": 1}))
        self.assertEqual(json.loads(public.recv()[1]), {"result": None, "id": 1})
        self.turns(sim)
        public.send(json.dumps({"method": "SUBSCRIBE", "params": ["busdt@depth"], "id": 2}))
        got = [public.recv()[1].decode() for _ in range(1 + 7)]
        self.assertEqual(got[1:], self.DEPTH, "all of them, though they were asked for one by one")
        self.assertEqual(wrong.settled(), [])

    def test_the_next_readers_go_on_where_the_last_ones_left(self):
        sim = self.capture()
        public, market = self.open(sim)
        public.recv()
        wait_until(lambda: control(sim, "status").get("awaits") == "AUSDT", "the first snapshot's place")
        public.close()
        market.close()
        wait_until(lambda: control(sim, "status")["sessions"] == 0, "the end of the first readers")
        self.assertEqual(self.get(sim, "AUSDT")[0], 200)
        self.assertEqual(self.get(sim, "BUSDT")[0], 200)
        public = self.connect(sim, "/public/stream?streams=ausdt@depth@100ms/busdt@depth@100ms")
        self.turns(sim)
        market = self.connect(sim, "/market/stream?streams=ausdt@aggTrade/busdt@aggTrade")
        self.assertEqual([public.recv()[1].decode() for _ in range(5)], self.DEPTH[2:])
        self.assertEqual([market.recv()[1].decode() for _ in range(2)], self.TRADES[1:])

    def test_a_broken_recording_is_refused_by_name(self):
        directory = self.directory / "broken"
        directory.mkdir()
        (directory / "x.jsonl").write_text(self.FRAMES[0] + "\n")
        (directory / "index.json").write_text(json.dumps({"captures": [{"name": "x", "rest": [
            {"file": "x.rest/00-A.json", "url": "https://x/depth?symbol=AUSDT&limit=3",
             "ws_lines_received_before": 0}]}]}))
        status, _, err = self.run_program("bookcast-sim", "--exchange", "binance-usdm", "--capture",
                                          directory / "x.jsonl")
        self.assertEqual(status, 1)
        self.assertIn("x.rest/00-A.json", err)


if __name__ == "__main__":
    bookcast_test.main(together=3)
