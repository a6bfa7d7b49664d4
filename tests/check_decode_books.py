#!/usr/bin/python3
"""bookcast decode --final-book where the exchange sends changes: snapshots are handed over when a
book is wanted, in the order given, and what is not known to be right does not say live."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

DECODE = pathlib.Path(os.environ["BOOKCAST_BIN"]) / "bookcast-decode"
failures = []


def delta(first, last, bids=(), asks=(), symbol="BTCUSDT"):
    return json.dumps({"stream": f"{symbol.lower()}@depth@100ms", "data": {
        "e": "depthUpdate", "E": last * 1000, "s": symbol, "U": first, "u": last,
        "b": list(bids), "a": list(asks)}})


def snapshot(seq, bids=(("10.00", "1.5"), ("9.00", "2")), asks=(("11.00", "3"), ("12.00", "4"))):
    return json.dumps({"lastUpdateId": seq, "bids": list(bids), "asks": list(asks)})


def decode(directory, lines, files, *options, status=0, exchange="binance-spot"):
    arguments = []
    for number, (symbol, body) in enumerate(files):
        path = directory / f"{number}.json"
        path.write_text(body)
        arguments += ["--snapshot", f"{symbol}={path}"]
    done = subprocess.run([DECODE, exchange, *options, *arguments], input="\n".join(lines),
                          capture_output=True, check=False, timeout=30, text=True)
    if done.returncode != status:
        failures.append(f"exit status {done.returncode}, not {status}: {done.stderr}")
    return done.stdout


D = "BTCUSDT"
# Why; lines; snapshot files; state, reason, number, best bid's quantity, levels, vouched bids
ROWS = [
    ("a snapshot, and what follows it",
     [delta(5, 7), delta(8, 9, [["10", "7"]])], [(D, snapshot(6))], "live", "none", 9, "7", 2, 2),
    ("a snapshot ahead of the recording",
     [delta(5, 7, [["10", "7"]])], [(D, snapshot(20))], "live", "none", 20, "1.5", 2, 2),
    ("the change at hand is needed",
     [delta(5, 7, [["10", "7"]])], [(D, snapshot(4))], "live", "none", 7, "7", 2, 2),
    ("no snapshot at all", [delta(5, 7)], [], "syncing", "none", None, None, 0, 0),
    ("one that is too old", [delta(5, 7)], [(D, snapshot(3))], "syncing", "none", None, None, 0, 0),
    ("one that is too old, and the next one",
     [delta(5, 7)], [(D, snapshot(3)), (D, snapshot(6))], "live", "none", 7, "1.5", 2, 2),
    ("one that is broken, and the next one",
     [delta(5, 7)], [(D, "{"), (D, snapshot(6))], "live", "none", 7, "1.5", 2, 2),
    ("another symbol's", [delta(5, 7)], [("ETHUSDT", snapshot(6))], "syncing", "none", None, None, 0,
     0),
    ("a gap", [delta(5, 7), delta(9, 9, [["10", "7"]])], [(D, snapshot(6))], "stale", "gap", 7,
     "1.5", 2, 2),
    ("a gap, and a second snapshot",
     [delta(5, 7), delta(9, 9, [["10", "7"]]), delta(10, 11, [["10", "8"]])],
     [(D, snapshot(6)), (D, snapshot(8))], "live", "none", 11, "8", 2, 2),
    ("a second snapshot that nobody needs",
     [delta(5, 7), delta(8, 8, [["10", "7"]])], [(D, snapshot(6)), (D, snapshot(99))], "live",
     "none", 8, "7", 2, 2),
    ("crossed", [delta(5, 7), delta(8, 8, [["11.5", "1"]])], [(D, snapshot(6))], "stale", "crossed",
     8, "1", 3, 3),
    ("a line that nobody understands, at the end", [delta(5, 7), "{"], [(D, snapshot(6))], "stale",
     "gap", 7, "1.5", 2, 2),
    ("a line that nobody understands, and a change that links",
     [delta(5, 7), "{", delta(8, 8, [["10", "7"]])], [(D, snapshot(6))], "live", "none", 8, "7", 2,
     2),
    ("a change that is refused", [delta(5, 7), delta(8, 8, [["10", "x"]])], [(D, snapshot(6))],
     "stale", "gap", 7, "1.5", 2, 2),
    ("a level that fits with no other",
     [delta(5, 7), delta(8, 8, [["0.0000000000000000000000000001", "1"]])], [(D, snapshot(6))],
     "stale", "range", 7, "1.5", 2, 2),
    ("a full side vouches down to its last price",
     [delta(5, 7, [["8.5", "1"]])],
     [(D, snapshot(6, [[f"{10 - i / 1000:.3f}", "1"] for i in range(1000)]))], "live", "none", 7,
     "1", 1001, 1000),
]
REFUSED = ("one that is broken", "a line that nobody", "a change that is refused")


def check_row(directory, row):
    why, lines, files, state, reason, seq, quantity, levels, vouched = row
    out = decode(directory, lines, files, "--final-book", "--json",
                 status=1 if why.startswith(REFUSED) else 0)
    books = [json.loads(line) for line in out.splitlines()]
    if len(books) != 1:
        failures.append(f"{why}: {len(books)} books")
        return
    book = books[0]
    got = (book["channel"], book["symbol"], book["state"], book["reason"], book["exchange_seq"],
           book["bids"][0][1] if book["bids"] else None, len(book["bids"]), book["vouched_bids"])
    want = ("book", D, state, reason, seq, quantity, levels, vouched)
    if got != want:
        failures.append(f"{why}: {got}, not {want}")


def main():
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        for row in ROWS:
            check_row(directory, row)
        two = decode(directory, [delta(5, 7), delta(1, 2, symbol="AAVEUSDT"),
                                 delta(9, 9), delta(3, 3, [["10", "5"]], symbol="AAVEUSDT")],
                     [(D, snapshot(6)), ("AAVEUSDT", snapshot(1))], "--final-book", "--json")
        states = [(b["symbol"], b["state"]) for b in map(json.loads, two.splitlines())]
        if states != [("AAVEUSDT", "live"), (D, "stale")]:
            failures.append(f"a gap in one of two: {states}")
        table = decode(directory, [delta(5, 7), delta(9, 9)], [(D, snapshot(6))], "--final-book")
        if "BTCUSDT  stale (gap)  vouched 2 bids, 2 asks" not in table:
            failures.append(f"table: {table!r}")
        rows = decode(directory, [delta(5, 7, [["1", "2"]]), delta(8, 9)], [(D, snapshot(6))])
        if len(rows.splitlines()) != 3 or "1/0 changes  from 5  to 7" not in rows:
            failures.append(f"rows: {rows!r}")
        events = [json.loads(e) for e in
                  decode(directory, [delta(5, 7), delta(8, 9, [["1.50", "0.00"]])],
                         [(D, snapshot(6))], "--json").splitlines()]
        if [e["channel"] for e in events] != ["delta", "book", "delta"] or \
           events[1]["flags"] != ["snapshot", "rest"] or \
           [events[2][k] for k in ("first_seq", "last_seq", "prev_seq", "bids", "asks")] != \
           [8, 9, None, [["1.5", "0"]], []]:
            failures.append(f"events: {events}")
    print("\n".join(failures) if failures else "decode: books rebuilt, and doubted, as they should")
    return 1 if failures else 0


sys.exit(main())
