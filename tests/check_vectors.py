#!/usr/bin/python3
"""Reads proto/vectors/*.hex by proto/README.md alone and compares with the .json beside them.

Nothing here is shared with the C code: msgpack is Debian's python3-msgpack, decimals are Python
integers, the words are written down once more. What the two decoders agree on is therefore in the
specification, not in an accident of one of them.
"""

import json
import os
import pathlib
import re
import sys

import msgpack

CHANNELS = ["book", "bbo", "trade", "ticker", "candle", "instrument", "state", "heartbeat"]
STATES = ["connecting", "syncing", "live", "quiet", "rest", "stale", "halted", "down"]
REASONS = ["none", "no-data", "gap", "checksum", "crossed", "disconnected", "range", "clock",
           "gateway", "delisted", "suspended", "unknown-symbol", "shutdown"]
FLAGS = ["snapshot", "welcome", "rest", "checksum", "clock", "edge", "range", "state", "locked"]
SIDES = [None, "buy", "sell"]
KINDS = ["spot", "linear", "inverse", "delivery"]
LISTINGS = ["unknown", "trading", "preview", "suspended", "delisted"]
INTERVALS = ["1s", "1m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h",
             "1d", "3d", "1w", "1M"]


def word(words, number):
    return words[number] if number < len(words) else "?"


def plain(mantissa, exponent):
    """A decimal as the JSON form has it: no exponent, no trailing zeros."""
    if mantissa == 0:
        return "0"
    sign = "-" if mantissa < 0 else ""
    digits = str(abs(mantissa))
    if exponent >= 0:
        return sign + digits + "0" * exponent
    digits = digits.rjust(1 - exponent, "0")
    whole, fraction = digits[:exponent], digits[exponent:].rstrip("0")
    return sign + whole + ("." + fraction if fraction else "")


class Scale:
    """Decimals of one kind in a message, and what is known of the exponent they share."""

    def __init__(self, exponent):
        self.exponent = exponent
        self.seen = []  # (mantissa, exponent) without trailing zeros, other than zero
        self.pairs = []  # elements that bring their own exponent

    def text(self, element):
        if element is None:
            return None
        if isinstance(element, list):
            mantissa, exponent = element[0], element[1]
            self.pairs.append((mantissa, exponent))
        else:
            mantissa, exponent = element, self.exponent
        if mantissa != 0:
            short, shift = mantissa, 0
            while short % 10 == 0:
                short, shift = short // 10, shift + 1
            self.seen.append((short, exponent + shift))
        return plain(mantissa, exponent)

    def check(self):
        largest = min((e for _, e in self.seen), default=0)
        assert self.exponent == largest, f"exponent {self.exponent}, could be {largest}"
        for mantissa, exponent in self.pairs:
            at_scale = abs(mantissa) * 10**(exponent - self.exponent)
            assert at_scale >= 2**63, f"[{mantissa}, {exponent}] would fit at {self.exponent}"


def flat(scales, elements):
    assert len(elements) % 2 == 0
    price, quantity = scales
    return [[price.text(elements[i]), quantity.text(elements[i + 1])]
            for i in range(0, len(elements), 2)]


def book(body):
    scales = Scale(body[0]), Scale(body[1])
    return {"bids": flat(scales, body[2]), "asks": flat(scales, body[3])}, scales


def trade(body):
    price, quantity = Scale(body[0]), Scale(body[1])
    return {"price": price.text(body[2]), "quantity": quantity.text(body[3]),
            "side": word(SIDES, body[4]), "trade_id": body[5] or None}, (price, quantity)


def ticker(body):
    price, quantity = Scale(body[0]), Scale(body[1])
    scales = [price] * 4 + [quantity] * 2 + [price]
    keys = ["last", "open", "high", "low", "volume", "quote_volume", "change"]
    return {k: s.text(v) for k, s, v in zip(keys, scales, body[2:])}, (price, quantity)


def candle(body):
    price, quantity = Scale(body[2]), Scale(body[3])
    scales = [price] * 4 + [quantity] * 2
    keys = ["open", "high", "low", "close", "volume", "quote_volume"]
    values = {k: s.text(v) for k, s, v in zip(keys, scales, body[4:])}
    return {"interval": word(INTERVALS, body[0]), "ts_open": body[1], **values,
            "closed": body[10]}, (price, quantity)


def pair(element):
    return None if element is None else plain(element[0], element[1])


def instrument(body):
    return {"base": body[0], "quote": body[1], "kind": word(KINDS, body[2]), "unified": body[3],
            "tick": pair(body[4]), "lot": pair(body[5]), "contract_size": pair(body[6]),
            "status": word(LISTINGS, body[7])}, ()


def state(body):
    out = {"previous": word(STATES, body[0])}
    if len(body) > 1:
        out.update(symbols_version=body[1], symbols=body[2])
    if len(body) > 3 and body[3]:
        out["symbols_partial"] = True
    return out, ()


def heartbeat(body):
    return {"instance": body[0], "shard": f"{body[1]}/{body[2]}", "pid": body[3],
            "version": body[4], "started": body[5], "interval_ns": body[6], "endpoints": body[7],
            "symbols_version": body[8], "counters": body[9]}, ()


BODIES = {f.__name__: f for f in
          (book, trade, ticker, candle, instrument, state, heartbeat)} | {"bbo": book}


def decode(frame):
    """The JSON object of a frame, and the scales of its numbers."""
    topic, payload = frame.split(b"\0", 1)
    exchange, rest = topic.decode().split(".", 1)
    symbol, last = rest.rsplit(".", 1)
    version, envelope, body = msgpack.unpackb(payload, strict_map_key=False)[:3]
    assert version == 1
    number, epoch, seq, exchange_seq, ts_exchange, ts_recv, ts_publish = envelope[:7]
    channel = CHANNELS[number]
    values, scales = BODIES[channel](body)
    assert last == (f"candle-{values['interval']}" if channel == "candle" else channel)
    return {"channel": channel, "exchange": exchange, "symbol": symbol, "epoch": epoch,
            "seq": seq, "exchange_seq": exchange_seq, "ts_exchange": ts_exchange,
            "ts_recv": ts_recv, "ts_publish": ts_publish, "state": word(STATES, envelope[7]),
            "reason": word(REASONS, envelope[8]), "since": envelope[9],
            "flags": [w for bit, w in enumerate(FLAGS) if envelope[10] >> bit & 1],
            **values}, scales


def check(path):
    frame = bytes.fromhex(path.read_text())
    got, scales = decode(frame)
    want = json.loads(path.with_suffix(".json").read_text())
    assert got == want, f"\n  got  {got}\n  want {want}"
    assert list(got) == list(want), "keys in another order"
    if "newer" not in path.stem and "wide" not in path.stem:
        payload = frame.split(b"\0", 1)[1]
        again = msgpack.packb(msgpack.unpackb(payload, strict_map_key=False))
        assert again == payload, "not the shortest form"
        for scale in scales:
            scale.check()


def check_dumps(source):
    """The annotated dumps in the specification are the vectors they are named for."""
    bad = 0
    page = (source / "proto" / "README.md").read_text()
    dumps = re.findall(r"```text\n# (\S+)\n(.*?)```", page, re.DOTALL)
    for name, text in dumps:
        shown = bytes.fromhex(" ".join(line[:47] for line in text.splitlines()))
        if shown != bytes.fromhex((source / "proto" / "vectors" / f"{name}.hex").read_text()):
            bad += 1
            print(f"proto/README.md: the dump of {name} is not that vector")
    if not dumps:
        print("proto/README.md has no dumps")
    return bad + (not dumps)


def main():
    source = pathlib.Path(os.environ.get("BOOKCAST_SOURCE") or
                          pathlib.Path(__file__).resolve().parent.parent)
    paths = sorted((source / "proto" / "vectors").glob("*.hex"))
    bad = check_dumps(source)
    for path in paths:
        try:
            check(path)
        except Exception as why:  # a vector that cannot be read is the news, whatever the reason
            bad += 1
            print(f"{path.stem}: {type(why).__name__}: {why}")
    missing = [c for c in CHANNELS if sum(p.stem.startswith(c + "-") for p in paths) < 2]
    if missing:
        print("fewer than two vectors:", *missing)
    print(f"{len(paths)} vectors, {bad} bad")
    return 1 if bad or missing else 0


if __name__ == "__main__":
    sys.exit(main())
