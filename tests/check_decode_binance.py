#!/usr/bin/python3
"""bookcast decode rebuilds every recorded Binance book: level by level what the recording says, and
not one of them is called live once a line is missing.

The frames are read once more here, by Python's json with decimal.Decimal."""

import concurrent.futures
import json
import os
import random
import subprocess

from recorded import D, DECODE, captures, expect, finish, lines_of

EXCHANGES = {"binance-spot": 4, "binance-usdm": 3}  # recordings with snapshots
DELETED = 30 if os.environ.get("BOOKCAST_LONG") else 10  # lines a recording
FULL = (1000, 5000)  # levels a side that were asked for: one with as many may have been cut
SIDES = (("bids", "bid_levels"), ("asks", "ask_levels"))


def levels(pairs):
    return [[D(price), D(quantity)] for price, quantity in pairs]


class Recording:
    def __init__(self, directory, entry, expected):
        self.exchange = directory.name
        self.name = f"{self.exchange} {entry['name']}"
        self.path = directory / entry["file"]
        self.expected = {e["symbol"]: e for e in expected if e["exchange"] == self.exchange and
                         any(c[-1] == entry["name"] for c in e["captures"])}
        self.snapshots, self.arguments = {}, []
        for rest in entry["rest"]:
            symbol = rest["file"].rsplit("-", 1)[1].removesuffix(".json")
            self.snapshots[symbol] = json.loads((directory / rest["file"]).read_text())
            self.arguments += ["--snapshot", f"{symbol}={directory / rest['file']}"]
        self.lines = lines_of(self.path)
        frames = [json.loads(line)["data"] for line in self.lines if '"data"' in line]
        self.deltas = [(n, f["s"], f["u"]) for n, f in self.numbered() if f["e"] == "depthUpdate"]
        self.tickers = [f for f in frames if {"u", "s", "b", "B", "a", "A"} <= set(f)]

    def numbered(self):
        for number, line in enumerate(self.lines):
            if '"depthUpdate"' in line:
                yield number, json.loads(line)["data"]

    def final_books(self, without=None):
        """All of the recording, or its changes without one of them."""
        text, path = None, self.path
        if without is not None:
            text, path = "\n".join(self.lines[n] for n, _, _ in self.deltas if n != without), "-"
        done = subprocess.run([DECODE, self.exchange, "--final-book", "--json", *self.arguments,
                               path], input=text, capture_output=True, check=False, text=True)
        expect(done.returncode == 0 and not done.stderr, f"{self.name}: {done.stderr[:300]}")
        return {b["symbol"]: b for b in map(json.loads, done.stdout.splitlines())}


def check_book(rec, book, entry):
    where = f"{rec.name} {entry['symbol']}"
    expect((book["state"], book["reason"]) == ("live", "none"),
           f"{where}: {book['state']} ({book['reason']})")
    expect(book["exchange_seq"] == entry["last_seq"], f"{where}: number {book['exchange_seq']}")
    expect(book["ts_exchange"] == entry["last_exchange_ts"] * 1_000_000, f"{where}: time")
    for side, count in SIDES:
        want = levels(entry[side])
        expect(levels(book[side])[:len(want)] == want, f"{where}: {side}")
        expect(len(book[side]) == entry[count], f"{where}: {len(book[side])} {side}")
    expect(D(book["bids"][0][0]) < D(book["asks"][0][0]), f"{where}: crossed")
    for side, _ in SIDES:
        sent = rec.snapshots[entry["symbol"]][side]
        inside = len(book[side])
        if len(sent) in FULL:
            last, sign = D(sent[-1][0]), 1 if side == "asks" else -1
            inside = sum(sign * D(price) <= sign * last for price, _ in book[side])
        expect(book[f"vouched_{side}"] == inside, f"{where}: {book[f'vouched_{side}']} {side} "
               f"vouched, {inside} inside the snapshot")


def check_top(rec, book):
    """The exchange's own best prices, as of the last one that the book has seen."""
    seen = [t for t in rec.tickers if t["s"] == book["symbol"] and t["u"] <= book["exchange_seq"]]
    expect(seen, f"{rec.name} {book['symbol']}: no bookTicker")
    if not seen:
        return
    last = max(seen, key=lambda t: t["u"])
    top = levels([book["bids"][0], book["asks"][0]])
    expect(top == levels([[last["b"], last["B"]], [last["a"], last["A"]]]),
           f"{rec.name} {book['symbol']}: top {top}, bookTicker {last}")


def check_deleted(rec, whole, at):
    number, symbol, last = rec.deltas[at]
    mine = [d for d in rec.deltas if d[1] == symbol]
    before = max(rec.snapshots[symbol]["lastUpdateId"],
                 *(u for n, _, u in mine if n < number), 0)
    books = rec.final_books(number)
    book = books.pop(symbol)
    where = f"{rec.name} without line {number + 1} of {symbol}"
    others = {s: b for s, b in whole.items() if s != symbol}
    expect(books == others, f"{where}: other symbols are not as they were")
    if last <= rec.snapshots[symbol]["lastUpdateId"]:
        expect(book == whole[symbol], f"{where}: the snapshot has it, and the book is another")
        return "known"
    if number == mine[-1][0]:
        expect((book["state"], book["exchange_seq"]) == ("live", before), f"{where}: {book['state']}")
        return "last"
    got = book["state"], book["reason"], book["exchange_seq"]
    expect(got == ("stale", "gap", before), f"{where}: {got}")
    return "gap"


def check_recording(rec):
    whole = rec.final_books()
    expect(set(whole) == set(rec.expected) and whole, f"{rec.name}: symbols {sorted(whole)}")
    for symbol, entry in rec.expected.items():
        if symbol in whole:
            check_book(rec, whole[symbol], entry)
            check_top(rec, whole[symbol])
    sample = random.Random(rec.name).sample(range(len(rec.deltas)), DELETED)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        kinds = list(pool.map(lambda at: check_deleted(rec, whole, at), sample))
    expect(kinds.count("gap") > DELETED / 2, f"{rec.name}: {kinds}")
    return kinds.count("gap")


def main():
    directory = captures()
    expected = json.loads((directory / "expected_books.json").read_text())
    gaps = n_books = 0
    for exchange, count in EXCHANGES.items():
        index = json.loads((directory / exchange / "index.json").read_text())
        entries = [e for e in index["captures"] if e.get("rest")]
        expect(len(entries) == count, f"{exchange}: {len(entries)} recordings")
        for entry in entries:
            rec = Recording(directory / exchange, entry, expected)
            gaps += check_recording(rec)
            n_books += len(rec.expected)
    expect(n_books == sum(e["exchange"] in EXCHANGES for e in expected), f"{n_books} books")
    finish(f"decode: {n_books} books rebuilt, {gaps} missing lines seen")


main()
