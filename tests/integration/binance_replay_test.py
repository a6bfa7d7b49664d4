"""Every recorded Binance session through bookcast-sim: two connections by route, snapshots asked for
when the first change comes, all frames byte for byte and in order, and the books that come of them
equal expected_books.json."""
import json
import subprocess
import threading

import binance_simulator_test as binance
import bookcast_test
from bookcast_test import control, http, levels

CAPTURES = bookcast_test.captures()
SESSIONS = (
    (binance.SPOT, "cf-20210405"), (binance.SPOT, "cf-20210814"), (binance.SPOT, "us-cf-20210405"),
    (binance.SPOT, "hft-btcusdt-20240808"), (binance.USDM, "cf-20210405"),
    (binance.USDM, "hft-btcusdt-20240718"),
)
ON_PUBLIC = ("@depth", "@bookTicker")


def recorded(exchange, name):
    path = next((CAPTURES / exchange["name"]).glob(f"{name}.jsonl*"))
    if path.suffix == ".zst":
        return path, subprocess.run(["zstd", "-dc", str(path)], check=True, capture_output=True).stdout.splitlines()
    return path, path.read_bytes().splitlines()


class ReplayTest(binance.Binance):
    def read(self, ws, n, got, sim, exchange, books):
        """Takes n frames; asks for a symbol's book when its first change comes."""
        asked = set()
        while len(got) < n:
            payload = ws.recv()[1]
            got.append(payload)
            frame = json.loads(payload)
            symbol = frame["data"].get("s")
            if "@depth" in frame["stream"] and symbol not in asked:
                asked.add(symbol)
                self.ask(sim, exchange, symbol, books)

    def ask(self, sim, exchange, symbol, books):
        status, text = http(sim, "GET", f"{exchange['rest']}/depth?symbol={symbol}&limit=1000")
        if status == 200:
            books[symbol] = json.loads(text)

    def replay(self, exchange, name):
        path, frames = recorded(exchange, name)
        names = [json.loads(f)["stream"] for f in frames]
        public = [n for n in dict.fromkeys(names) if exchange is binance.SPOT or any(x in n for x in ON_PUBLIC)]
        market = [n for n in dict.fromkeys(names) if n not in public]
        sim = self.sim(exchange, "--plain", "--capture", str(path), "--speed", "max")
        books, readers, got = {}, [], {}
        # A gateway asks for what it wants before the first change comes.
        for symbol in {n.split("@")[0].upper() for n in names}:
            self.ask(sim, exchange, symbol, books)
        for prefix, streams in ((exchange["ws"], public), (exchange["market"], market)):
            if streams:
                ws = self.connect(sim, f"{prefix}/stream?streams={'/'.join(streams)}")
                want = [f for f, n in zip(frames, names) if n in streams]
                got[prefix] = (want, [])
                readers.append(threading.Thread(target=self.read, args=(ws, len(want), got[prefix][1], sim,
                                                                        exchange, {})))
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join(30)
        for prefix, (want, have) in got.items():
            self.assertEqual(len(have), len(want), prefix)
            self.assertTrue(have == want, "a frame was changed or out of order")
        status = control(sim, "status")
        self.assertEqual((status["skipped"], status["unasked"]), (0, 0))
        return frames, books

    def test_every_session_makes_the_books_it_should(self):
        expected = json.loads((CAPTURES / "expected_books.json").read_text())
        for exchange, name in SESSIONS:
            with self.subTest(f"{exchange['name']} {name}"):
                frames, bodies = self.replay(exchange, name)
                books = {s: binance.Book(b, exchange is binance.USDM) for s, b in bodies.items()}
                for frame in frames:
                    data = json.loads(frame)["data"]
                    if data.get("e") == "depthUpdate":
                        books[data["s"]].apply(data)
                want = [b for b in expected if any(c[1:] == [exchange["name"], name] for c in b["captures"])]
                self.assertGreater(len(want), 0)
                for b in want:
                    for side, key in (("bids", "b"), ("asks", "a")):
                        self.assertEqual(books[b["symbol"]].top(key, len(b[side])), levels(b[side]), b["symbol"])
                print(f"{exchange['name']} {name}: {len(frames)} frames, {len(want)} books")


if __name__ == "__main__":
    bookcast_test.main()
