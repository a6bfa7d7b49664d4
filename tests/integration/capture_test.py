"""Recorded Upbit messages through simulator, gateway and cache, compared with the recording.

What the messages must say is read here from the raw frames by Python's json and decimal, and from
expected_books.json, which was made by neither.
"""
import collections
import decimal
import json
import subprocess

import bookcast_test
from bookcast_test import levels

CAPTURES = bookcast_test.captures()
NAME = "cf-20210405-simple"
CAPTURE = CAPTURES / "upbit" / f"{NAME}.jsonl.zst"
PATIENT = ("--silent-after", "1h", "--quiet-after", "1h", "--first-data-after", "1h")


def recorded():
    """(books, trades) by symbol, in order, as the frames say."""
    text = subprocess.run(["zstd", "-dc", str(CAPTURE)], check=True, capture_output=True).stdout
    books, trades = collections.defaultdict(list), collections.defaultdict(list)
    for line in text.splitlines():
        frame = json.loads(line, parse_float=decimal.Decimal, parse_int=decimal.Decimal)
        if frame["ty"] == "orderbook":
            units = frame["obu"]
            bids = [(u["bp"], u["bs"]) for u in units if u["bs"] != 0]
            asks = [(u["ap"], u["as"]) for u in units if u["as"] != 0]
            books[frame["cd"]].append((bids, asks))
        elif frame["ty"] == "trade":
            side = "buy" if frame["ab"] == "BID" else "sell"
            trades[frame["cd"]].append((frame["tp"], frame["tv"], side, str(frame["sid"])))
    return books, trades


class CaptureTest(bookcast_test.Case):
    def setUp(self):
        super().setUp()
        self.books, self.trades = recorded()
        self.assertEqual(sum(map(len, self.books.values())), 1061)
        self.assertEqual(sum(map(len, self.trades.values())), 672)
        every = json.loads((CAPTURES / "expected_books.json").read_text())
        self.expected = {b["symbol"]: b for b in every
                         if any(c[1:] == ["upbit", NAME] for c in b["captures"])}
        self.assertEqual(len(self.expected), 9)

        sim = self.start_sim("--capture", CAPTURE, "--speed", "max")
        bookcast_test.control(sim, "pause")
        self.early = self.subscribe("upbit.")
        # After the recording nothing more comes, and that must not make it stale here.
        self.gateway = self.start_gateway(sim, *PATIENT, symbols=",".join(self.expected))
        self.start_cache()
        self.early.wait(lambda m: m.channel == "heartbeat", "a heartbeat: the subscriber is connected")
        bookcast_test.control(sim, "resume")
        self.early.wait(lambda m: self.n_heard("trade") >= 672 and self.n_heard("book") >= 1061,
                        lambda: f"all messages: {self.n_heard('book')} books, {self.n_heard('trade')} trades")

    def data(self, channel, topic=None):
        """What the exchange said: without what was said again for a new state or a new listener."""
        return [m for m in self.early.heard if m.channel == channel and not m.flags & {"state", "welcome"}
                and (topic is None or m.topic == topic)]

    def n_heard(self, channel):
        return len(self.data(channel))

    def test_the_early_subscriber_saw_every_message(self):
        self.assertEqual(bookcast_test.holes(self.early.heard), [])
        for symbol, books in self.books.items():
            heard = [m.body for m in self.data("book", f"upbit.{symbol}.book")]
            self.assertEqual(heard, books, symbol)
        for symbol, trades in self.trades.items():
            heard = [m.body for m in self.data("trade", f"upbit.{symbol}.trade")]
            self.assertEqual(heard, trades, symbol)
        again = [m for m in self.early.heard if m.channel == "book" and m.flags & {"state", "welcome"}]
        print(f"heard {self.n_heard('book')} books, {self.n_heard('trade')} trades, "
              f"{len(again)} books said again for a state or a welcome, no hole")

    def test_the_cache_answers_with_the_expected_books(self):
        cached = self.wait_fit(9)
        self.assertEqual(set(cached), set(self.expected))
        for symbol, want in self.expected.items():
            status, (got,), err = self.cli_json("get", "upbit", symbol, "--depth", 20)
            self.assertEqual(status, 0, err)
            for side in ("bids", "asks"):
                n = min(len(want[side]), len(got[side]))
                self.assertGreater(n, 0)
                self.assertEqual(len(got[side]), min(20, int(want[f"{side[:-1]}_levels"])), (symbol, side))
                self.assertEqual(levels(got[side])[:n], levels(want[side])[:n], (symbol, side))

    def test_a_late_subscriber_holds_every_book_at_once(self):
        late = self.subscribe("upbit.")
        want = {f"upbit.{symbol}.book" for symbol in self.expected}
        late.wait(lambda m: want <= {x.topic for x in late.heard}, "every book")
        took = max(min(m.arrived for m in late.heard if m.topic == topic) for topic in want) - late.started
        print(f"a late subscriber held all {len(want)} books {took * 1000:.1f} ms after it began to connect")
        for symbol in self.expected:
            book = next(m for m in late.heard if m.topic == f"upbit.{symbol}.book")
            self.assertIn("welcome", book.flags)
            self.assertEqual(book.state, "live", symbol)
            self.assertEqual(book.body, self.books[symbol][-1], symbol)
            # With the number it had, so that the listener knows what it has already seen.
            before = max(m.seq for m in self.early.heard if m.topic == book.topic)
            self.assertEqual(book.seq, before, symbol)


if __name__ == "__main__":
    bookcast_test.main()
