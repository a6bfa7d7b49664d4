"""Every recorded Binance session through simulator, gateway and cache at full speed: `bookcast get`
equals expected_books.json, as far as each book claims to know. Then with one line missing."""
import collections
import json
import random
import subprocess

import binance_simulator_test as binance
import bookcast_test
from bookcast_test import levels

CAPTURES = bookcast_test.captures()
# Which of the two trade streams a session recorded; the price of the last one walks out of its only
# snapshot, so that in the end no level may be left that anybody vouches for.
SESSIONS = {
    ("binance-spot", "cf-20210405"): "agg",
    ("binance-spot", "cf-20210814"): "agg",
    ("binance-spot", "us-cf-20210405"): "agg",
    ("binance-spot", "hft-btcusdt-20240808"): "trade",
    ("binance-usdm", "cf-20210405"): "agg",
    ("binance-usdm", "hft-btcusdt-20240718"): "trade",
    ("binance-usdm", "hft-btcusdt-20240808"): "trade",
}
WALKS_OUT = ("binance-usdm", "hft-btcusdt-20240808")
PATIENT = ("--silent-after", "1h", "--quiet-after", "1h", "--first-data-after", "1h", "--levels", "20")


def books_of(exchange, name):
    every = json.loads((CAPTURES / "expected_books.json").read_text())
    return [b for b in every if any(c[1:] == [exchange, name] for c in b["captures"])]


def lines_of(path):
    if path.suffix != ".zst":
        return path.read_bytes().splitlines()
    return subprocess.run(["zstd", "-dc", str(path)], check=True, capture_output=True).stdout.splitlines()


class Replayed(bookcast_test.Case):
    def agrees(self, want):
        """Does the cache hold this book? Else why not."""
        status, answers, err = self.cli_json("get", want["exchange"], want["symbol"], "--depth", 20)
        if not answers:
            return f"exit status {status}: {err}"
        got = answers[0]
        for side in ("bids", "asks"):
            n, known = len(got[side]), int(want[f"{side[:-1]}_levels"])
            if levels(got[side]) != levels(want[side])[:n]:
                return f"{side} {got[side][:3]}... at {got['exchange_seq']} of {want['last_seq']}"
            if n < min(20, known) and "edge" not in got["flags"]:
                return f"{n} {side} and no edge"
            if n == 0 and status == 0:
                return f"fit without {side}"
            self.compared[want["symbol"], side] = n
        if got["state"] not in ("live", "quiet") and got["bids"] and got["asks"]:
            return f"{got['state']} {got['reason']}"
        return None

    def replay(self, exchange, path, trades, expected):
        """Waits until the cache holds every expected book; fewer than 20 levels are told."""
        sim = self.start_sim("--plain", "--capture", path, "--speed", "max", exchange=exchange)
        self.start_gateway(sim, *PATIENT, "--trade-source", trades, exchange=exchange,
                           symbols=",".join(b["symbol"] for b in expected))
        self.start_cache()
        why, self.compared = {}, {}

        def all_agree():
            why.clear()
            why.update({b["symbol"]: w for b in expected if (w := self.agrees(b)) is not None})
            return not why

        bookcast_test.wait_until(all_agree, lambda: f"{path.name}: {why}", 60)
        return {k: n for k, n in self.compared.items() if n < 20}


class CaptureTest(Replayed):
    pass


def test_of(exchange, name, trades):
    def test(self):
        expected = books_of(exchange, name)
        self.assertGreater(len(expected), 0)
        path = next((CAPTURES / exchange).glob(f"{name}.jsonl*"))
        cut = self.replay(exchange, path, trades, expected)
        print(f"{sum(self.compared.values())} levels compared, cut at an edge: {cut}", end=" ")
        self.assertTrue(not cut or (exchange, name) == WALKS_OUT)
    return test


for (exchange, name), trades in SESSIONS.items():
    setattr(CaptureTest, f"test_{exchange}_{name}".replace("-", "_"), test_of(exchange, name, trades))


class MissingLineTest(Replayed):
    """The recording of ten (five) symbols without one line of changes, and with a snapshot at its end,
    made here from the whole recording, for who asks again."""

    def without(self, exchange, name, lines, at, books):
        directory = self.directory / f"without-{at}"
        rest = directory / f"{name}.rest"
        rest.mkdir(parents=True)
        path = directory / f"{name}.jsonl"
        path.write_bytes(b"\n".join(lines[:at] + lines[at + 1:]) + b"\n")
        index = json.loads((CAPTURES / exchange / "index.json").read_text())
        capture = next(c for c in index["captures"] if c["name"] == name)
        for item in capture["rest"]:
            (directory / item["file"]).write_bytes((CAPTURES / exchange / item["file"]).read_bytes())
        symbol = json.loads(lines[at])["data"]["s"]
        book = books[symbol]
        (rest / "99-again.json").write_text(json.dumps({
            "lastUpdateId": book.id,
            **{key: [[f"{p:f}", f"{q:f}"] for p, q in book.top(side, 1000)]
               for key, side in (("bids", "b"), ("asks", "a"))}}))
        last = max(i for i, line in enumerate(lines) if json.loads(line)["data"].get("u") == book.id)
        capture["rest"].append({"file": f"{name}.rest/99-again.json",
                                "url": next(r["url"] for r in capture["rest"] if f"symbol={symbol}&" in r["url"]),
                                "ws_lines_received_before": last})
        (directory / "index.json").write_text(json.dumps({"exchange": exchange, "captures": [capture]}))
        return path

    def whole_books(self, exchange, name, lines):
        index = json.loads((CAPTURES / exchange / "index.json").read_text())
        books, changes = {}, {}
        for item in next(c for c in index["captures"] if c["name"] == name)["rest"]:
            symbol = item["url"].split("symbol=")[1].split("&")[0]
            body = json.loads((CAPTURES / exchange / item["file"]).read_text())
            books[symbol] = binance.Book(body, exchange == "binance-usdm")
        for i, line in enumerate(lines):
            frame = json.loads(line)
            if "@depth" in frame["stream"]:
                books[frame["data"]["s"]].apply(frame["data"])
                changes.setdefault(frame["data"]["s"], []).append(i)
        return books, changes

    def asked(self, at_least):
        _, (gateway,), _ = self.cli_json("gateways")
        n = gateway["counters"]["snapshots_asked"]
        return n if n >= at_least else None

    def check(self, exchange, n):
        name, chance = "cf-20210405", random.Random(n)
        lines = lines_of(next((CAPTURES / exchange).glob(f"{name}.jsonl*")))
        books, changes = self.whole_books(exchange, name, lines)
        symbol = chance.choice(sorted(changes))
        # Neither before its snapshot nor the very last, which nothing could miss.
        at = chance.choice(changes[symbol][len(changes[symbol]) // 4:-1])
        path = self.without(exchange, name, lines, at, books)
        self.exchange = exchange
        heard = self.subscribe(f"{exchange}.")
        expected = books_of(exchange, name)
        self.assertEqual(self.replay(exchange, path, "agg", expected), {})
        heard.wait(lambda m: m.topic == f"{exchange}.{symbol}.state" and m.state == "stale", "the gap")
        states = collections.defaultdict(list)
        for m in heard.heard:
            if m.channel == "state" and "@" not in m.topic and "welcome" not in m.flags:
                states[m.topic.split(".")[1]].append((m.state, m.reason))
        # It comes with the heartbeat after the last of them.
        asked = bookcast_test.wait_until(lambda: self.asked(len(expected) + 1), "the count of snapshots")
        print(f"without line {at + 1}, of {symbol}: {states[symbol]}, {asked} snapshots asked", end=" ")
        self.assertEqual(asked, len(expected) + 1)
        self.assertIn(("stale", "gap"), states[symbol])
        self.assertEqual(states[symbol][-1], ("live", "none"))
        for other, seen in states.items():
            if other != symbol:
                self.assertNotIn("stale", {state for state, _ in seen}, other)


for exchange in ("binance-spot", "binance-usdm"):
    for n in range(3):
        setattr(MissingLineTest, f"test_{exchange}_{n}".replace("-", "_"),
                lambda self, exchange=exchange, n=n: self.check(exchange, n))

if __name__ == "__main__":
    bookcast_test.main(together=3)
