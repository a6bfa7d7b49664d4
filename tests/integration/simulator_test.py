"""bookcast-sim as a client of the exchange sees it: Upbit's protocol, the true books, a capture as
recorded, and what goes wrong when it is told to."""
import contextlib
import json
import pathlib
import socket
import ssl
import subprocess
import time
import unittest
from decimal import Decimal

import bookcast_test
import websocket
from bookcast_test import control, http, truth, wait_until


def request(*objects, ticket="t"):
    return json.dumps([{"ticket": ticket}, *objects])


def books(*codes, **more):
    return {"type": "orderbook", "codes": list(codes), **more}


def parse(payload):
    return json.loads(payload, parse_float=Decimal, parse_int=Decimal)


def sides(units):
    """What an order book message holds, without the empty slots."""
    return ([(u["bid_price"], u["bid_size"]) for u in units if u["bid_price"]],
            [(u["ask_price"], u["ask_size"]) for u in units if u["ask_price"]])


class Upbit(bookcast_test.Case):
    def connect(self, sim, **options):
        ws = websocket.WebSocket(sim.ready["ws"], ca_file=sim.ready["ca_file"], **options)
        self.addCleanup(ws.close)
        return ws

    def next(self, ws, want):
        """The next message for which want(message) is true."""
        while True:
            message = parse(ws.recv()[1])
            if want(message):
                return message

    def drain(self, ws):
        """What is still on its way after a pause: all of it has been sent."""
        return [parse(payload) for payload in ws.settled()]


class DataTest(Upbit):
    def test_tls_snapshots_then_realtime_in_binary_frames(self):
        sim = self.start_sim()
        self.assertTrue(pathlib.Path(sim.ready["ca_file"]).exists())
        ws = self.connect(sim)
        self.assertTrue(ws.accepted)
        self.assertEqual(ws.headers["limit-by-ip"], "Yes")
        self.assertRegex(ws.headers["remaining-req"], r"^group=websocket; min=300; sec=\d$")
        self.assertNotIn("sec-websocket-extensions", ws.headers)
        types = ["ticker", "trade", "orderbook", "candle.1s", "candle.240m"]
        ws.send(request(*({"type": t, "codes": ["KRW-BTC"]} for t in types)))
        for expected in types:
            opcode, payload = ws.recv()
            self.assertEqual(opcode, websocket.BINARY)
            message = parse(payload)
            self.assertEqual((message["type"], message["code"], message["stream_type"]),
                             (expected, "KRW-BTC", "SNAPSHOT"))
        for expected in types:
            self.next(ws, lambda m, t=expected: m["type"] == t and m["stream_type"] == "REALTIME")
        sim.stop()
        self.assertFalse(pathlib.Path(sim.ready["ca_file"]).exists(), "left its certificate behind")

    def test_no_data_before_a_subscription(self):
        sim = self.start_sim("--plain", "--rate", "2000")
        ws = self.connect(sim)
        self.assertEqual(self.drain(ws), [])

    def test_paused_every_book_equals_the_truth(self):
        sim = self.start_sim("--plain", "--symbols", "60", "--rate", "3000")
        names = [m["market"] for m in json.loads(http(sim, "GET", "/v1/market/all")[1])]
        self.assertEqual(len(names), 60)
        ws = self.connect(sim)
        ws.send(request(books(*names)))
        last = {}
        realtime = 0
        while realtime < 300:
            m = parse(ws.recv()[1])
            last[m["code"]] = m
            realtime += m["stream_type"] == "REALTIME"
        control(sim, "pause")
        for m in self.drain(ws):
            last[m["code"]] = m
        padded = 0
        for name in names:
            units = last[name]["orderbook_units"]
            self.assertEqual(len(units), 30)
            bids, asks = truth(sim, name)
            self.assertEqual(sides(units), (bids[:30], asks[:30]), name)
            self.assertEqual(last[name]["total_bid_size"], sum(q for _, q in bids[:30]))
            self.assertEqual([p for p, _ in bids], sorted((p for p, _ in bids), reverse=True))
            self.assertEqual([p for p, _ in asks], sorted(p for p, _ in asks))
            self.assertLess(bids[0][0], asks[0][0])
            padded += len(sides(units)[0]) < 30
        self.assertGreater(padded, 0, "no thin side to be padded")
        self.assertEqual(self.drain(ws), [], "a paused market sends nothing")
        before = control(sim, "status")["data_frames"]
        control(sim, "resume")
        wait_until(lambda: control(sim, "status")["data_frames"] > before, "data after resume")

    def test_same_seed_same_market(self):
        def first_books(seed):
            sim = self.start_sim("--plain", "--seed", seed, "--rate", "0.001")
            return [truth(sim, s) for s in ("KRW-BTC", "BTC-ETH", "KRW-1INCH")]
        self.assertEqual(first_books("7"), first_books("7"))
        self.assertNotEqual(first_books("7"), first_books("8"))

    def test_depth_level_and_rest_of_one_book(self):
        sim = self.start_sim("--plain", "--rate", "0.001")
        ws = self.connect(sim)
        ws.send(request(books("KRW-BTC.1", "KRW-ETH.5", "KRW-XRP.15", "BTC-ETH.7"),
                        books("KRW-BTC", level=10000), books("KRW-BTC", level="100000")))
        got = [parse(ws.recv()[1]) for _ in range(6)]
        self.assertEqual([(m["code"], len(m["orderbook_units"]), m["level"]) for m in got],
                         [("KRW-BTC", 1, 0), ("KRW-ETH", 5, 0), ("KRW-XRP", 15, 0), ("BTC-ETH", 30, 0),
                          ("KRW-BTC", 30, 10000), ("KRW-BTC", 30, 100000)])
        bids, asks = truth(sim, "KRW-BTC")
        for message, level in ((got[4], 10000), (got[5], 100000)):
            grouped = {}, {}
            for price, quantity in bids:
                key = int(price) // level * level
                grouped[0][key] = grouped[0].get(key, 0) + quantity
            for price, quantity in asks:
                key = -(-int(price) // level) * level
                grouped[1][key] = grouped[1].get(key, 0) + quantity
            self.assertEqual(sides(message["orderbook_units"]),
                             (sorted(grouped[0].items(), reverse=True)[:30],
                              sorted(grouped[1].items())[:30]))
        for level, expected in (("0", bids[:3]), ("10000", None)):
            status, text = http(sim, "GET", f"/v1/orderbook?markets=krw-btc,BTC-ETH&count=3&level={level}")
            self.assertEqual(status, 200)
            objects = parse(text)
            self.assertEqual(len(objects), 2 if level == "0" else 1, "only KRW markets are grouped")
            if expected:
                self.assertEqual(sides(objects[0]["orderbook_units"])[0], expected)

    def test_spelling_of_numbers(self):
        sim = self.start_sim("--plain", "--rate", "0.001")
        ws = self.connect(sim)
        ws.send(request(books("KRW-BTC")))
        text = ws.recv()[1].decode()
        self.assertRegex(text, r'"ask_price":1\.\d+E8')
        self.assertRegex(text, r'"ask_size":0\.\d{6}00[,}]')
        ws.send(request(books("KRW-BTC"), {"format": "SIMPLE"}))
        text = ws.recv()[1].decode()
        self.assertRegex(text, r'"ap":11\d{7},')
        self.assertRegex(text, r'^\{"ty":"orderbook","cd":"KRW-BTC","tms":\d{13},"tas":')
        self.assertNotRegex(text, r'"as":0\.\d*0[,}]')
        ws.send(request({"type": "trade", "codes": ["KRW-BTC"]}))
        self.assertRegex(ws.recv()[1].decode(), r'"sequential_id":\d{17},')

    def test_formats_anywhere_and_lists(self):
        sim = self.start_sim("--plain", "--rate", "0.001")
        ws = self.connect(sim)
        for word in ("DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"):
            ws.send(json.dumps([{"format": word}, {"type": "ticker", "codes": ["KRW-BTC"]},
                                {"ticket": "t"}]))
            message = parse(ws.recv()[1])
            self.assertEqual(isinstance(message, list), word.endswith("LIST"))
            message = message[0] if isinstance(message, list) else message
            self.assertIn("ty" if word.startswith("SIMPLE") else "type", message)

    def test_only_snapshot_and_only_realtime_in_both_spellings(self):
        sim = self.start_sim("--plain", "--rate", "500", "--symbols", "4")
        for snapshot, realtime in (("is_only_snapshot", "is_only_realtime"),
                                   ("isOnlySnapshot", "isOnlyRealtime")):
            ws = self.connect(sim)
            ws.send(request(books("KRW-BTC", **{snapshot: True}),
                            {"type": "trade", "codes": ["KRW-ETH"], realtime: "true"}))
            got = [parse(ws.recv()[1]) for _ in range(6)]
            kinds = {(m["type"], m["stream_type"]) for m in got}
            self.assertEqual(kinds, {("orderbook", "SNAPSHOT"), ("trade", "REALTIME")})
            self.assertEqual(sum(m["type"] == "orderbook" for m in got), 1)

    def test_trades_are_all_told_once_and_in_order(self):
        sim = self.start_sim("--plain", "--rate", "2000", "--symbols", "2")
        ws = self.connect(sim)
        ws.send(request({"type": "trade", "codes": ["KRW-ETH"]}))
        ids = [int(parse(ws.recv()[1])["sequential_id"]) % 10000 for _ in range(300)]
        self.assertEqual(ids, list(range(ids[0], ids[0] + 300)))

    def test_a_new_request_replaces_the_old_one(self):
        sim = self.start_sim("--plain", "--rate", "2000", "--symbols", "3")
        ws = self.connect(sim)
        ws.send(request(books("KRW-BTC")))
        self.next(ws, lambda m: m["stream_type"] == "REALTIME")
        ws.send(request(books("KRW-ETH")))
        self.next(ws, lambda m: m["code"] == "KRW-ETH")
        self.assertEqual({parse(ws.recv()[1])["code"] for _ in range(10)}, {"KRW-ETH"})

    def test_unknown_and_lower_case_codes_and_levels_are_silent(self):
        sim = self.start_sim("--plain", "--rate", "0.001")
        ws = self.connect(sim)
        ws.send(request(books("KRW-NOPE", "krw-btc", "KRW-ETH"), books("KRW-BTC", level=77),
                        books("BTC-ETH", level=10)))
        self.assertEqual([m["code"] for m in self.wait_messages(ws, 1)], ["KRW-ETH"])

    def wait_messages(self, ws, n):
        got = [parse(ws.recv()[1]) for _ in range(n)]
        return got + self.drain(ws)

    def test_list_subscriptions(self):
        sim = self.start_sim("--plain", "--rate", "0.001")
        ws = self.connect(sim)
        ws.send(request({"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH"]}, books("KRW-BTC")))
        for _ in range(3):
            ws.recv()
        ws.send(json.dumps([{"method": "LIST_SUBSCRIPTIONS"}, {"ticket": "mine"}]))
        self.assertEqual(parse(ws.recv()[1]), {
            "method": "LIST_SUBSCRIPTIONS", "ticket": "mine",
            "result": [{"type": "ticker", "codes": ["KRW-BTC", "KRW-ETH"]},
                       {"type": "orderbook", "codes": ["KRW-BTC"], "level": 0}]})
        ws.send(json.dumps([{"ticket": "mine"}, {"method": "LIST_SUBSCRIPTIONS"}, {"format": "SIMPLE"}]))
        self.assertEqual(parse(ws.recv()[1]), {
            "mthd": "LIST_SUBSCRIPTIONS", "tckt": "mine",
            "rslt": [{"ty": "ticker", "cds": ["KRW-BTC", "KRW-ETH"]},
                     {"ty": "orderbook", "cds": ["KRW-BTC"], "lv": 0}]})


    def test_the_adapter_understands_every_frame(self):
        sim = self.start_sim("--plain", "--rate", "10000", "--symbols", "60")
        names = [m["market"] for m in json.loads(http(sim, "GET", "/v1/market/all")[1])]
        for word in ("DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST"):
            ws = self.connect(sim)
            types = ("orderbook", "trade", "ticker", "candle.1s", "candle.240m")
            ws.send(request(*({"type": t, "codes": names} for t in types), {"format": word}))
            frames = b"".join(ws.recv()[1] + b"\n" for _ in range(1500)).decode()
            status, out, err = self.run_program("bookcast-decode", "upbit", "--json", "-", stdin=frames)
            self.assertEqual((status, err), (0, ""))
            events = [json.loads(line)["channel"] for line in out.splitlines()]
            self.assertEqual(len(events), 1500)
            self.assertEqual(set(events), {"book", "trade", "ticker", "candle"})


class ProtocolTest(Upbit):
    def test_error_frames_and_their_close(self):
        rows = [
            ("no json", "WRONG_FORMAT"),
            ('{"ticket":"t"}', "WRONG_FORMAT"),
            ('[{"type":"ticker","codes":["KRW-BTC"]}]', "NO_TICKET"),
            ('[{"ticket":7},{"type":"ticker","codes":["KRW-BTC"]}]', "NO_TICKET"),
            ('[{"ticket":"t"}]', "NO_TYPE"),
            ('[{"ticket":"t"},{"codes":["KRW-BTC"]}]', "NO_TYPE"),
            ('[{"ticket":"t"},{"type":"ticker"}]', "NO_CODES"),
            ('[{"ticket":"t"},{"type":"nope","codes":["KRW-BTC"]}]', "INVALID_PARAM"),
            ('[{"ticket":"t"},{"type":"ticker","codes":["KRW-BTC"]},{"format":"NOPE"}]', "INVALID_PARAM"),
        ]
        for text, name in rows:
            with self.subTest(text=text):
                # A simulator a row: the sixth connection within a second would be refused.
                sim = self.start_sim("--plain")
                ws = self.connect(sim)
                ws.send(text)
                self.assertEqual(parse(ws.recv()[1])["error"]["name"], name)
                begun = time.monotonic()
                with self.assertRaises(websocket.Closed) as end:
                    ws.recv()
                self.assertEqual(end.exception.code, 1000)
                self.assertGreater(time.monotonic() - begun, 0.1)
                sim.stop()

    def test_too_many_messages_a_second(self):
        sim = self.start_sim("--plain", "--rate", "0.001")
        ws = self.connect(sim)
        for _ in range(6):
            ws.send(json.dumps([{"ticket": "t"}, {"method": "LIST_SUBSCRIPTIONS"}]))
        got = [parse(ws.recv()[1]) for _ in range(6)]
        self.assertEqual([m.get("method") for m in got[:5]], ["LIST_SUBSCRIPTIONS"] * 5)
        self.assertEqual(got[5]["error"]["name"], "Too Many Requests")

    def within_a_second(self, ask, n):
        """What a new simulator answers to n questions, all of them within one second, and the simulator: a machine that
        is too slow for that tries again."""
        for _ in range(20):
            sim = self.start_sim("--plain")
            begun = time.monotonic()
            answers = [ask(sim) for _ in range(n)]
            if time.monotonic() - begun < 1:
                return answers, sim
            sim.stop()
        raise AssertionError(f"{n} questions take longer than a second")

    def test_limits_of_the_door(self):
        def door(sim):
            try:
                self.connect(sim)
            except websocket.Refused as refused:
                return refused.status
            return 101
        self.assertEqual(self.within_a_second(door, 6)[0], [101] * 5 + [429])
        statuses, sim = self.within_a_second(lambda sim: http(sim, "GET", "/v1/ticker?markets=KRW-BTC")[0], 11)
        self.assertEqual(statuses, [200] * 10 + [429])
        self.assertEqual(http(sim, "GET", "/v1/market/all")[0], 200, "another group, another limit")
        other = self.start_sim("--plain")
        self.connect(other, headers=["Origin: http://example.org"])
        with self.assertRaises(websocket.Refused):
            self.connect(other, headers=["Origin: http://example.org"])

    def test_pings_up_and_idle(self):
        sim = self.start_sim("--plain", "--rate", "0.001", "--idle-close", "0.5")
        ws = self.connect(sim)
        ws.send_frame(websocket.PING, b"hello")
        self.assertEqual(ws.recv_frame(), (0x8a, b"hello"))
        with self.assertRaises(websocket.Closed) as end:
            ws.recv()
        self.assertIsNone(end.exception.code, "the idle close has no close frame")

    def test_text_ping_starts_the_up_cycle(self):
        sim = self.start_sim("--plain", "--rate", "0.001")
        took = []
        while not took or (took[-1] > 9 and len(took) < 4):  # the machine may be busy now and then
            ws = self.connect(sim)
            begun = time.monotonic()
            ws.send("PING")
            self.assertEqual(parse(ws.recv()[1]), {"status": "UP"})
            took.append(time.monotonic() - begun)
            self.assertGreater(took[-1], 5.5)
        self.assertLess(took[-1], 9)

    def test_client_breaking_rfc_6455_is_closed(self):
        rows = [("unmasked", lambda ws: ws.send_frame(1, b"x", mask=False), 1002),
                ("not utf-8", lambda ws: ws.send_frame(1, b"\xff"), 1007),
                ("continuation of nothing", lambda ws: ws.send_frame(0, b"x"), 1002),
                ("too large", lambda ws: ws.send_frame(1, b" " * (1 << 20) + b"x"), 1009)]
        sim = self.start_sim("--plain")
        for what, act, code in rows:
            with self.subTest(what=what):
                ws = self.connect(sim)
                with contextlib.suppress(ConnectionError):
                    act(ws)
                with self.assertRaises(websocket.Closed) as end:
                    ws.recv()
                self.assertEqual(end.exception.code, code)

    def test_fragments_are_joined_and_closes_answered(self):
        sim = self.start_sim("--plain", "--rate", "0.001")
        ws = self.connect(sim)
        text = request(books("KRW-BTC")).encode()
        ws.send_frame(websocket.TEXT, text[:10], fin=False)
        ws.send_frame(websocket.PING, b"between")
        ws.send_frame(websocket.CONTINUATION, text[10:])
        self.assertEqual(parse(ws.recv()[1])["code"], "KRW-BTC")
        ws.send_frame(websocket.CLOSE, b"\x03\xe8")
        with self.assertRaises(websocket.Closed) as end:
            ws.recv()
        self.assertEqual(end.exception.code, 1000)

    def test_rest_bodies(self):
        sim = self.start_sim("--plain", "--rate", "500", "--symbols", "10")
        wait_until(lambda: truth(sim, "KRW-BTC"), "a book")

        def get(path):
            status, text = http(sim, "GET", path)
            self.assertEqual(status, 200, path)
            return parse(text)
        self.assertIn("market_event", get("/v1/market/all?is_details=true")[0])
        instrument = get("/v1/orderbook/instruments?markets=KRW-BTC,BTC-ETH")
        self.assertEqual(instrument[0], {
            "market": "KRW-BTC", "quote_currency": "KRW", "tick_size": "1000",
            "supported_levels": ["0", "10000", "100000", "1000000", "10000000", "100000000"]})
        self.assertEqual(instrument[1]["tick_size"], "0.00000001")
        control(sim, "pause")
        trades = get("/v1/trades/ticks?market=KRW-BTC&count=5")
        ids = [t["sequential_id"] for t in trades]
        self.assertEqual(ids, sorted(ids, reverse=True))
        last = json.loads(http(sim, "GET", "/truth/KRW-BTC")[1])["last_trade"]
        self.assertEqual(trades[0]["trade_price"], Decimal(last["price"]))
        self.assertEqual(get("/v1/ticker?markets=KRW-BTC")[0]["trade_price"], Decimal(last["price"]))
        candle = get("/v1/candles/minutes/1?market=KRW-BTC&count=1")[0]
        self.assertEqual(candle["trade_price"], Decimal(last["price"]))
        self.assertEqual(candle["unit"], 1)
        for path in ("/v1/orderbook?markets=KRW-NOPE", "/v1/nope", "/v1/candles/minutes/7?market=KRW-BTC"):
            status, text = http(sim, "GET", path)
            self.assertEqual((status, parse(text)["error"]["name"]), (404, 404), path)
        status, text = http(sim, "GET", "/v1/orderbook")
        self.assertEqual((status, parse(text)["error"]["name"]), (400, 400))

    def test_a_slow_reader_costs_only_itself(self):
        sim = self.start_sim("--plain", "--symbols", "300", "--rate", "30000")
        names = [m["market"] for m in json.loads(http(sim, "GET", "/v1/market/all")[1])]
        slow, quick = self.connect(sim), self.connect(sim)
        slow.send(request(books(*names), {"type": "trade", "codes": names}))
        quick.send(request(books("KRW-BTC")))

        def closed():
            quick.recv()
            return control(sim, "status")["slow_closed"] == 1
        wait_until(closed, lambda: f"the slow reader's end: {control(sim, 'status')}")
        self.assertEqual(parse(quick.recv()[1])["code"], "KRW-BTC")


class CertificateTest(Upbit):
    def refusal(self, *flags):
        sim = self.start_sim(*flags)
        with self.assertRaises(ssl.SSLCertVerificationError) as refused:
            self.connect(sim)
        return refused.exception.verify_message

    def test_wrong_name_and_expired(self):
        self.assertIn("mismatch", self.refusal("--cert-name", "elsewhere.test"))
        self.assertIn("expired", self.refusal("--cert-expired"))

    def test_a_client_that_fails_tls_costs_only_itself(self):
        sim = self.start_sim("--rate", "2000")
        ws = self.connect(sim)
        ws.send(request(books("KRW-BTC")))
        for hello in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\xff" * 600):
            with websocket.connect_tcp(sim.ready["ws"].replace("wss", "ws")) as raw:
                raw.sendall(hello)
                while raw.recv(4096):
                    pass
            with self.assertRaises(ssl.SSLCertVerificationError):
                websocket.connect_tcp(sim.ready["ws"])  # does not know the authority
            for _ in range(5):
                self.assertEqual(parse(ws.recv()[1])["code"], "KRW-BTC")
            self.drain(ws)
        self.assertEqual(control(sim, "status")["sessions"], 1)


class ReplayTest(Upbit):
    FRAMES = [f'{{"ty":"orderbook","cd":"KRW-{"ABC"[i % 3]}","tms":{i},"tas":1.0,"tbs":27.50000000,"obu":'
              f'[{{"ap":2.{i},"bp":1E0,"as":5.0E-4,"bs":0}}],"st":"REALTIME"}}'.encode() for i in range(400)]

    def capture(self, gap_ns=2_000_000):
        path = self.directory / "small.jsonl"
        path.write_bytes(b"".join(f + b"\n" for f in self.FRAMES))
        (self.directory / "small.times").write_text(
            "".join(f"{1617646620849474000 + i * gap_ns}\n" for i in range(len(self.FRAMES))))
        return path

    def read_all(self, sim, n):
        ws = self.connect(sim)
        ws.send(request(books("KRW-A")))
        return [ws.recv()[1] for _ in range(n)], ws

    def test_at_full_speed_byte_for_byte_and_then_it_stays_open(self):
        sim = self.start_sim("--capture", str(self.capture()), "--speed", "max")
        frames, ws = self.read_all(sim, len(self.FRAMES))
        self.assertEqual(frames, self.FRAMES)
        self.assertEqual(self.drain(ws), [])
        listed = json.loads(http(sim, "GET", "/v1/market/all")[1])
        self.assertEqual([m["market"] for m in listed], ["KRW-A", "KRW-B", "KRW-C"])
        self.assertEqual(http(sim, "GET", "/truth/KRW-A")[0], 404)
        self.assertEqual(http(sim, "GET", "/v1/orderbook?markets=KRW-A")[0], 404)

    def test_recorded_timing_pause_seek_and_zstd(self):
        path = self.capture()
        subprocess.run(["zstd", "-q", "--rm", path], check=True)
        sim = self.start_sim("--plain", "--capture", str(path) + ".zst", "--speed", "1")
        begun = time.monotonic()
        frames, ws = self.read_all(sim, len(self.FRAMES))
        self.assertEqual(frames, self.FRAMES)
        self.assertGreater(time.monotonic() - begun, 0.79, "400 frames, 2 ms apart")
        control(sim, "pause")
        control(sim, "seek", frame=390)
        self.assertEqual(self.drain(ws), [])
        control(sim, "resume")
        self.assertEqual([ws.recv()[1] for _ in range(10)], self.FRAMES[390:])

    def test_the_next_reader_goes_on_where_the_first_left(self):
        sim = self.start_sim("--plain", "--capture", str(self.capture(gap_ns=20_000_000)))
        _, ws = self.read_all(sim, 10)
        ws.close()
        wait_until(lambda: control(sim, "status")["sessions"] == 0, "the end of the first reader")
        at = control(sim, "status")["frame"]
        frames, _ = self.read_all(sim, 5)
        self.assertEqual(frames, self.FRAMES[at:at + 5])

    def test_back_pressure_loses_nothing(self):
        big = [b'{"ty":"x","cd":"KRW-A","pad":"' + bytes([97 + i % 26]) * 50000 + b'"}' for i in range(600)]
        path = self.directory / "big.jsonl"
        path.write_bytes(b"".join(f + b"\n" for f in big))
        sim = self.start_sim("--capture", str(path), "--speed", "max")
        ws = self.connect(sim)
        ws.send(request(books("KRW-A")))
        wait_until(lambda: control(sim, "status")["queued_bytes"] > 400000, "a full queue")
        self.assertLess(control(sim, "status")["queued_bytes"], 2000000)
        self.assertEqual([ws.recv()[1] for _ in big], big)

    def test_a_broken_capture_is_refused_by_name(self):
        path = self.capture()
        (self.directory / "small.times").write_text("1\n2\n")
        for file, word in ((path, "small.times"), (self.directory / "none.jsonl", "none.jsonl")):
            status, _, err = self.run_program("bookcast-sim", "--exchange", "upbit", "--capture", file)
            self.assertEqual(status, 1)
            self.assertIn(word, err)

    def test_the_recorded_session(self):
        directory = bookcast_test.os.environ.get("BOOKCAST_CAPTURES")
        if not directory:
            self.skipTest("BOOKCAST_CAPTURES is not set")
        path = pathlib.Path(directory) / "upbit" / "cf-20210405-simple.jsonl.zst"
        lines = subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout.splitlines()
        sim = self.start_sim("--capture", str(path), "--speed", "max")
        frames, _ = self.read_all(sim, len(lines))
        self.assertEqual(frames, lines)


class FaultTest(Upbit):
    def subscribed(self, *flags):
        sim = self.start_sim("--plain", "--rate", "400", "--symbols", "2", *flags)
        ws = self.connect(sim)
        ws.send(request({"type": "trade", "codes": ["KRW-BTC"]}))
        self.first = self.ids(ws, 1)
        return sim, ws

    def ids(self, ws, n):
        return [int(parse(ws.recv()[1])["sequential_id"]) % 10000 for _ in range(n)]

    def test_drop_duplicate_reorder(self):
        for name, expected in (("drop", [2, 1]), ("duplicate", [0, 1]), ("reorder", [2, -1, 2])):
            with self.subTest(name):
                sim, ws = self.subscribed()
                control(sim, "fault", name=name, n=1)
                last, = self.first
                steps = []
                while len(steps) < len(expected):  # from the first that is odd on, wherever it is
                    number, = self.ids(ws, 1)
                    if steps or number - last != 1:
                        steps.append(number - last)
                    last = number
                self.assertEqual(steps, expected)

    def test_reorder_is_among_those_it_is_for(self):
        """Each changes places with the next one of its symbol, whatever others are told between."""
        sim = self.start_sim("--plain", "--rate", "400", "--symbols", "2")
        ws = self.connect(sim)
        ws.send(request({"type": "trade", "codes": [t["symbol"] for t in bookcast_test.true_states(sim)]}))
        control(sim, "fault", name="reorder", n=20, symbol="KRW-BTC")
        trades = [parse(ws.recv()[1]) for _ in range(200)]
        ids = [int(t["sequential_id"]) % 10000 for t in trades if t["code"] == "KRW-BTC"]
        self.assertLess(len(ids), len(trades))
        steps = [b - a for a, b in zip(ids, ids[1:])]
        odd = steps.index(-1)
        self.assertEqual(steps[odd:odd + 19], [-1, 3] * 9 + [-1])
        self.assertEqual(set(steps[odd + 20:]), {1})

    def test_damaged_frames(self):
        rows = [("corrupt", {}, lambda p: b"\x01" in p),
                ("truncate", {}, lambda p: not p.endswith(b"}")),
                ("unknown-fields", {}, lambda p: "brand_new" in parse(p)),
                ("missing-field", {"key": "trade_price"}, lambda p: b"trade_price" not in p),
                ("invalid-utf8", {}, lambda p: b"\xff" in p),
                ("nul", {}, lambda p: b"\0" in p),
                ("frame", {"text": '{"type":"new"}'}, lambda p: p == b'{"type":"new"}'),
                ("deep", {"depth": 5000}, lambda p: p == b"[" * 5000)]
        sim, ws = self.subscribed()
        for name, arguments, seen in rows:
            with self.subTest(name):
                control(sim, "fault", name=name, **arguments)
                self.assertTrue(any(seen(ws.recv()[1]) for _ in range(200)))

    def test_crossed_and_skewed_books(self):
        sim = self.start_sim("--plain", "--rate", "400", "--symbols", "2")
        ws = self.connect(sim)
        ws.send(request(books("KRW-BTC.1")))
        top = lambda m: m["orderbook_units"][0]
        control(sim, "fault", name="crossed", n=2)
        self.next(ws, lambda m: top(m)["bid_price"] > top(m)["ask_price"])
        control(sim, "fault", name="skew", ms=7200000)
        self.next(ws, lambda m: m["timestamp"] / 1000 > time.time() + 7000)

    def test_stall_answers_pings(self):
        sim, ws = self.subscribed()
        control(sim, "fault", name="stall")
        self.drain(ws)
        before = control(sim, "status")["data_frames"]
        for _ in range(20):
            self.assertEqual(self.drain(ws), [])
        self.assertEqual(control(sim, "status")["data_frames"], before)
        control(sim, "fault", name="clear")
        ws.recv()

    def test_half_open_is_silent(self):
        sim, ws = self.subscribed()
        control(sim, "fault", name="half-open")
        ws.settimeout(0.3)
        ws.send_frame(websocket.PING, b"anyone?")
        with self.assertRaises(TimeoutError):
            while True:
                ws.recv_frame()

    def test_endings(self):
        for name, arguments, code in (("close", {"code": 1012}, 1012), ("hang-up", {}, None),
                                      ("reset", {}, None), ("cut-frame", {}, None)):
            with self.subTest(name):
                sim, ws = self.subscribed()
                control(sim, "fault", name=name, **arguments)
                with self.assertRaises(websocket.Closed) as end:
                    while True:
                        ws.recv()
                self.assertEqual(end.exception.code, code)

    def test_the_door(self):
        sim = self.start_sim("--plain")
        control(sim, "fault", name="refuse", status=418, retry_after=120)
        with self.assertRaises(websocket.Refused) as refused:
            self.connect(sim)
        self.assertEqual((refused.exception.status, refused.exception.headers["retry-after"]), (418, "120"))
        control(sim, "fault", name="extension")
        self.assertEqual(self.connect(sim).headers["sec-websocket-extensions"], "permessage-deflate")
        control(sim, "fault", name="bad-accept")
        self.assertFalse(self.connect(sim).accepted)
        for name in ("mute", "mute-connect"):
            control(sim, "fault", name=name)
            with self.assertRaises((TimeoutError, socket.timeout)):
                self.connect(sim, seconds=0.3)
        self.assertTrue(self.connect(sim).accepted)

    def test_rest_faults_spare_truth_and_control(self):
        sim = self.start_sim("--plain")
        for name, arguments in (("rest-fail", {"status": 503}), ("rest-garbage", {}), ("rest-slow", {"ms": 300})):
            control(sim, "fault", name=name, **arguments)
        truth(sim, "KRW-BTC")
        begun = time.monotonic()
        status, text = http(sim, "GET", "/v1/market/all")
        self.assertEqual(status, 503)
        self.assertGreater(time.monotonic() - begun, 0.29)
        with self.assertRaises(json.JSONDecodeError):
            json.loads(text)
        json.loads(http(sim, "GET", "/v1/market/all")[1])

    def test_giant_frame_and_endless_fragments_are_streamed(self):
        sim, ws = self.subscribed()
        control(sim, "fault", name="giant", bytes=104857600)
        while True:
            first, payload = ws.recv_frame()
            if len(payload) > 100000:
                break
        self.assertEqual((first, len(payload)), (0x82, 104857600))
        self.assertLess(sim.resident_kib(), 80 << 10, "the giant was held in memory")
        control(sim, "fault", name="fragments", bytes=10_000_000)
        while (frame := ws.recv_frame())[0] != 0x02:
            pass
        self.assertEqual(frame, (0x02, b""))
        self.assertEqual(ws.recv_frame(), (0x00, b" " * 1000))

    def test_violations_and_raw_bytes(self):
        sim, ws = self.subscribed()
        control(sim, "fault", name="stall")
        self.drain(ws)
        control(sim, "fault", name="violate", what="rsv")
        self.assertEqual(ws.recv_frame(), (0xc2, b"{}"))
        control(sim, "fault", name="raw", hex="8a0161")
        self.assertEqual(ws.recv_frame(), (0x8a, b"a"))

    def test_delisted_symbol(self):
        sim = self.start_sim("--plain", "--rate", "400", "--symbols", "3")
        ws = self.connect(sim)
        ws.send(request({"type": "ticker", "codes": ["KRW-XRP"]}, books("KRW-BTC", "KRW-XRP")))
        self.next(ws, lambda m: m["stream_type"] == "REALTIME")
        control(sim, "fault", name="delist", symbol="KRW-XRP")
        self.next(ws, lambda m: m.get("market_state") == "DELISTED")
        self.drain(ws)
        self.assertEqual({parse(ws.recv()[1])["code"] for _ in range(20)}, {"KRW-BTC"})
        self.assertNotIn("KRW-XRP", http(sim, "GET", "/v1/market/all")[1])

    def test_script(self):
        script = self.directory / "faults.txt"
        script.write_text("# a bad moment\nat 50ms burst x=10 for=1\nat 3s close code=1012 # maintenance\n")
        with self.assertRaises(websocket.Closed) as end:
            _, ws = self.subscribed("--faults", str(script))
            while True:
                ws.recv()
        self.assertEqual(end.exception.code, 1012)
        for line, word in (("at 5 drop", "TIME"), ("at 5s nope", "no such fault"),
                           ("at 5s drop m=3", "no such argument")):
            script.write_text("\n" + line + "\n")
            status, _, err = self.run_program("bookcast-sim", "--exchange", "upbit", "--faults", script)
            self.assertEqual(status, 1)
            self.assertIn(f"{script}:2: ", err)
            self.assertIn(word, err)

    def test_wrong_controls_say_why(self):
        sim = self.start_sim("--plain")
        for body in ({}, {"do": "nope"}, {"do": "fault"}, {"do": "fault", "name": "nope"},
                     {"do": "fault", "name": "drop", "m": 1}, {"do": "fault", "name": "drop", "n": 0},
                     {"do": "seek", "frame": 1}):
            status, text = http(sim, "POST", "/control", body)
            self.assertEqual(status, 400, body)
            self.assertTrue(json.loads(text)["error"])


class CommandLineTest(Upbit):
    def test_usage(self):
        for arguments, word in (([], "--exchange"), (["--exchange", "nope"], "upbit"),
                                (["--exchange", "upbit", "--symbols", "0"], "--symbols"),
                                (["--exchange", "upbit", "--listen", "nowhere"], "127.0.0.1:0"),
                                (["--exchange", "upbit", "extra"], "extra")):
            status, _, err = self.run_program("bookcast-sim", *arguments)
            self.assertEqual(status, 1)
            self.assertIn(word, err)
        status, out, _ = self.run_program("bookcast-sim", "--help")
        self.assertEqual(status, 0)
        self.assertIn("missing-field", out)
        self.assertEqual(self.run_program("bookcast-sim", "--version")[0], 0)

    def test_it_ends_at_once_with_connections_open(self):
        sim = self.start_sim()
        ws = self.connect(sim)
        ws.send(request(books("KRW-BTC")))
        ws.recv()
        status, slept = sim.stop_asleep()
        self.assertEqual(status, 0)
        self.assertLess(slept, 1)


if __name__ == "__main__":
    bookcast_test.main(together=3)
