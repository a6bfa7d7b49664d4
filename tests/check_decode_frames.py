#!/usr/bin/python3
"""bookcast decode on every recorded Binance frame: no line refused, every value exactly the recorded
one, in the order of the lines.

The frames are read once more here, by Python's json with decimal.Decimal; nothing is shared with
the adapter but the names in the exchange's documentation."""

import collections
import json
import subprocess

from recorded import D, DECODE, captures, expect, finish, lines_of, plain

NOT_OURS = {"forceOrder", "markPriceUpdate"}
LOWEST = {"binance-spot": 50_000, "binance-usdm": 100_000}  # events in all recordings, at least


def frames(path):
    for line in lines_of(path):
        frame = json.loads(line)
        data = frame.get("data", frame)
        if data.get("e") not in NOT_OURS:
            yield data


def decode(exchange, path):
    done = subprocess.run([DECODE, exchange, "--json", path], capture_output=True, check=False)
    expect(done.returncode == 0, f"{path.name}: exit status {done.returncode}")
    expect(done.stderr == b"", f"{path.name}: {done.stderr[:300]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def levels(pairs, read):
    return [(read(price), read(quantity)) for price, quantity in pairs]


def of_delta(event, frame):
    yield "channel", event["channel"], "delta"
    yield "numbers", [event[k] for k in ("first_seq", "last_seq", "prev_seq", "exchange_seq")], \
        [frame["U"], frame["u"], frame.get("pu"), frame["u"]]
    yield "bids", levels(event["bids"], plain), levels(frame["b"], D)
    yield "asks", levels(event["asks"], plain), levels(frame["a"], D)
    yield "time", event["ts_exchange"], frame["E"] * 1_000_000


def of_bbo(event, frame):
    yield "channel", event["channel"], "bbo"
    yield "number", event["exchange_seq"], frame["u"]
    yield "bid", levels(event["bids"], plain), [(D(frame["b"]), D(frame["B"]))]
    yield "ask", levels(event["asks"], plain), [(D(frame["a"]), D(frame["A"]))]
    yield "time", event["ts_exchange"], frame["E"] * 1_000_000 if "E" in frame else None


def of_trade(event, frame):
    yield "channel", event["channel"], "trade"
    yield "price", plain(event["price"]), D(frame["p"])
    yield "quantity", plain(event["quantity"]), D(frame["q"])
    yield "side", event["side"], "sell" if frame["m"] else "buy"
    yield "id", event["trade_id"], str(frame["a" if frame["e"] == "aggTrade" else "t"])
    yield "time", event["ts_exchange"], frame["T"] * 1_000_000


def of_candle(event, frame):
    k = frame["k"]
    yield "channel", event["channel"], "candle"
    yield "interval", event["interval"], k["i"]
    yield "opened", event["ts_open"], k["t"] * 1_000_000
    yield "closed", event["closed"], k["x"]
    for ours, theirs in zip(("open", "high", "low", "close", "volume", "quote_volume"), "ohlcvq"):
        yield ours, plain(event[ours]), D(k[theirs])
    yield "time", event["ts_exchange"], frame["E"] * 1_000_000


KINDS = {"depthUpdate": of_delta, "trade": of_trade, "aggTrade": of_trade, "kline": of_candle,
         "bookTicker": of_bbo, None: of_bbo}


def check_recording(exchange, path):
    counts = collections.Counter()
    events = decode(exchange, path)
    recorded = list(frames(path))
    expect(len(events) == len(recorded), f"{path.name}: {len(events)} of {len(recorded)} events")
    for number, (event, frame) in enumerate(zip(events, recorded), 1):
        where = f"{exchange} {path.name}, event {number}"
        expect((event["exchange"], event["symbol"]) == (exchange, frame["s"]), f"{where}: symbol")
        expect(event["flags"] == [], f"{where}: flags {event['flags']}")
        for what, got, want in KINDS[frame.get("e")](event, frame):
            if got != want:
                expect(False, f"{where}: {what} {got}, recorded {want}")
        counts[event["channel"]] += 1
    return counts


def main():
    directory = captures()
    for exchange, lowest in LOWEST.items():
        counts = collections.Counter()
        for path in sorted((directory / exchange).glob("*.jsonl*")):
            counts += check_recording(exchange, path)
        expect(counts.total() >= lowest, f"{exchange}: only {counts}")
        print(f"{exchange}: {dict(counts)}")
    finish("decode frames")


main()
