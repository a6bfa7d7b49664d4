#!/usr/bin/python3
"""bookcast decode upbit on the recorded frames: every value exactly the recorded one.

The frames are read once more here, by Python's json with decimal.Decimal; nothing is shared with
the adapter but the names in the exchange's documentation."""

import collections
import json
import subprocess

from recorded import D, DECODE, captures, expect, finish, lines_of, plain, unpacked

COMMON = ["channel", "exchange", "symbol", "epoch", "seq", "exchange_seq", "ts_exchange", "ts_recv",
          "ts_publish", "state", "reason", "since", "flags"]
SHORT = {"ty": "type", "cd": "code", "tms": "timestamp", "obu": "orderbook_units",
         "ap": "ask_price", "bp": "bid_price", "as": "ask_size", "bs": "bid_size",
         "tp": "trade_price", "tv": "trade_volume", "ab": "ask_bid", "sid": "sequential_id",
         "st": "stream_type"}
TICKER = {"last": "trade_price", "open": "opening_price", "high": "high_price",
          "low": "low_price", "volume": "acc_trade_volume_24h",
          "quote_volume": "acc_trade_price_24h", "change": "signed_change_price"}


def long_names(value):
    """A frame in the SIMPLE format, with the names of the DEFAULT one."""
    if isinstance(value, list):
        return [long_names(item) for item in value]
    if isinstance(value, dict):
        simple = "ty" in value or "ap" in value
        return {SHORT.get(k, k) if simple else k: long_names(v) for k, v in value.items()}
    return value


def frames(path):
    return [long_names(json.loads(line, parse_float=D, parse_int=D)) for line in lines_of(path)]


def decode(*arguments, status=0, stdin=None):
    done = subprocess.run([DECODE, "upbit", "--json", *arguments], input=stdin,
                          capture_output=True, check=False)
    expect(done.returncode == status, f"{arguments}: exit status {done.returncode}")
    if status == 0:
        expect(done.stderr == b"", f"{arguments}: {done.stderr[:300]}")
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def levels(pairs):
    return [[plain(price), plain(quantity)] for price, quantity in pairs]


def side_of(frame, name):
    pairs = [[u[f"{name}_price"], u[f"{name}_size"]] for u in frame["orderbook_units"]]
    return [p for p in pairs if p[0] != 0 and p[1] != 0]


def compare(event, frame, where):
    expect([k for k in event if k in COMMON] == COMMON, f"{where}: keys {list(event)}")
    expect(event["exchange"] == "upbit" and event["symbol"] == frame["code"], f"{where}: symbol")
    expect(event["ts_exchange"] == int(frame["timestamp"]) * 1_000_000, f"{where}: ts_exchange")
    expect(event["flags"] == (["snapshot"] if frame["stream_type"] == "SNAPSHOT" else []),
           f"{where}: flags {event['flags']}")
    if frame["type"] == "orderbook":
        expect(event["channel"] == "book", f"{where}: channel")
        expect(levels(event["bids"]) == side_of(frame, "bid"), f"{where}: bids")
        expect(levels(event["asks"]) == side_of(frame, "ask"), f"{where}: asks")
    elif frame["type"] == "trade":
        expect(event["channel"] == "trade", f"{where}: channel")
        expect(plain(event["price"]) == frame["trade_price"], f"{where}: price")
        expect(plain(event["quantity"]) == frame["trade_volume"], f"{where}: quantity")
        expect(event["side"] == {"ASK": "sell", "BID": "buy"}[frame["ask_bid"]], f"{where}: side")
        expect(event["trade_id"] == str(int(frame["sequential_id"])), f"{where}: trade_id")
    else:
        expect(event["channel"] == "ticker", f"{where}: channel")
        for ours, theirs in TICKER.items():
            expect(plain(event[ours]) == frame[theirs], f"{where}: {ours}")


def check_capture(directory, name, counts):
    path = next(p for p in directory.iterdir() if p.name.startswith(name + ".jsonl"))
    data = [f for f in frames(path) if "type" in f]
    events = decode(path)
    expect(len(events) == len(data), f"{name}: {len(events)} events of {len(data)} frames")
    for number, (event, frame) in enumerate(zip(events, data), 1):
        compare(event, frame, f"{name}, event {number}")
    got = collections.Counter(e["channel"] for e in events)
    expect(got == counts, f"{name}: {got}")
    return path


def check_final_books(path, expected_path):
    books = {b["symbol"]: b for b in decode("--final-book", path)}
    want = [e for e in json.loads(expected_path.read_text()) if e["exchange"] == "upbit"]
    expect(len(want) == 9 and len(books) == 9, f"{len(books)} final books, {len(want)} expected")
    for entry in want:
        book = books.get(entry["symbol"])
        expect(book is not None, f"{entry['symbol']}: no final book")
        if book is None:
            continue
        for side, count in (("bids", "bid_levels"), ("asks", "ask_levels")):
            expected = [[D(p), D(q)] for p, q in entry[side]]
            expect(levels(book[side])[:len(expected)] == expected, f"{entry['symbol']}: {side}")
            expect(book[f"vouched_{side}"] == len(book[side]) == entry[count],
                   f"{entry['symbol']}: {side} vouched")
        expect(book["ts_exchange"] == entry["last_exchange_ts"] * 1_000_000,
               f"{entry['symbol']}: time of the last frame")
        expect(book["state"] == "live", f"{entry['symbol']}: {book['state']}")
    two = decode("--final-book", "--depth", "2", path)
    expect(all(len(b["bids"]) == 2 == len(b["asks"]) for b in two), "--depth 2")


def main():
    directory = captures()
    upbit = directory / "upbit"
    path = check_capture(upbit, "cf-20210405-simple", {"book": 1061, "trade": 672})
    check_final_books(path, directory / "expected_books.json")
    check_capture(upbit, "ticker-20250714-a", {"ticker": 273})
    samples = check_capture(upbit, "wire-samples", {"book": 4, "trade": 1, "ticker": 1})
    controls = [e for e in decode("--control", samples) if e["channel"] == "control"]
    expect([(c["kind"], c["code"]) for c in controls] ==
           [("pong", "UP"), ("error", "NO_TICKET"), ("error", "WRONG_FORMAT")], f"{controls}")
    expect(decode("-", stdin=unpacked(path)) == decode(path), "plain from standard input, zstd file")
    finish("decode")


main()
