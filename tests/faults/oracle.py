"""The reference: every book of the simulated exchange at every number, out of bookcast-sim's --truth-log, and the one rule
of all tests of faults: no message in a state that may be traded on ever differs from it."""
import bisect
import collections
import decimal

from bookcast_test import FIT

MS = 10**6
CLAIMED = FIT | {"rest"}  # what must be true; what was polled may be as old as it says


class Symbol:
    def __init__(self, price_exp, qty_exp, tick):
        self.price = lambda ticks: decimal.Decimal(ticks * tick).scaleb(price_exp)
        self.quantity = lambda mantissa: decimal.Decimal(mantissa).scaleb(qty_exp)
        self.changes = []  # (number, time_ns, side, price, quantity)


class Walk:
    """The book of one symbol, from its beginning forwards."""

    def __init__(self, symbol):
        self.symbol, self.at = symbol, 0
        self.prices, self.quantities = {"b": [], "a": []}, {"b": {}, "a": {}}

    def step(self):
        _, _, side, price, quantity = self.symbol.changes[self.at]
        self.at += 1
        prices, quantities = self.prices[side], self.quantities[side]
        if price in quantities and not quantity:
            del quantities[price], prices[bisect.bisect_left(prices, price)]
        elif quantity:
            if price not in quantities:
                bisect.insort(prices, price)
            quantities[price] = quantity

    def forward(self, key, value):
        """Through all changes with change[key] <= value."""
        while self.at < len(self.symbol.changes) and self.symbol.changes[self.at][key] <= value:
            self.step()

    def next_time_ns(self):
        return self.symbol.changes[self.at][1] if self.at < len(self.symbol.changes) else None

    def top(self, n, m):
        bids, asks = self.prices["b"][-n:][::-1] if n else [], self.prices["a"][:m]
        return tuple([(self.symbol.price(p), self.symbol.quantity(self.quantities[side][p])) for p in prices]
                     for side, prices in (("b", bids), ("a", asks)))


class Reference:
    """One life of the simulator."""

    def __init__(self, path):
        self.symbols, by_index = {}, {}
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                if not line.endswith("\n"):
                    break  # it was killed
                words = line.split(maxsplit=5)
                if words[0] == "S":
                    symbol = by_index[words[1]] = Symbol(*map(int, words[2:5]))
                    self.symbols[words[5].rstrip("\n")] = symbol
                else:
                    by_index[words[0]].changes.append(
                        (int(words[1]), int(words[2]), words[3], int(words[4]), int(words[5])))
        self.started_ns = min((s.changes[0][1] for s in self.symbols.values() if s.changes), default=0)


def split(topic):
    """(symbol, channel) of upbit.KRW-BTC.book"""
    symbol, channel = topic.split(".", 1)[1].rsplit(".", 1)
    return symbol, channel


def agrees(message, walk):
    bids, asks = message.body
    return bool(bids or asks) and walk.top(len(bids), len(asks)) == (bids, asks)


def is_of(message, walk):
    """Is it a book that was true at its number, or, where an exchange has none, in its millisecond? Walks there."""
    if message.exchange_seq is not None:
        walk.forward(0, message.exchange_seq)
        return agrees(message, walk)
    ms = message.ts_exchange // MS
    walk.forward(1, ms * MS - 1)
    if agrees(message, walk):  # nothing changed in it: it is the book of the beginning
        return True
    while walk.at < len(walk.symbol.changes) and walk.next_time_ns() < (ms + 1) * MS:
        walk.step()
        if agrees(message, walk):
            return True
    return False


def order(message):
    return message.exchange_seq if message.exchange_seq is not None else message.ts_exchange


def judge(messages, references, max_lag_s):
    """What is wrong with these messages of books and bbos, as texts; and how many were judged. `references` in the order
    of their lives. No message may be fit `max_lag_s` after its book has ceased to be true."""
    fit = collections.defaultdict(dict)
    for m in messages:
        if m.channel in ("book", "bbo") and m.state in CLAIMED:
            life = max((i for i, r in enumerate(references) if r.started_ns <= m.ts_recv), default=0)
            fit[life, m.topic].setdefault((m.epoch, m.seq), m)
    lies, judged = [], 0
    for (life, topic), ours in fit.items():
        symbol = references[life].symbols.get(split(topic)[0])
        if symbol is None:
            lies.append(f"{topic} is fit, and the exchange does not have it")
            continue
        walk = Walk(symbol)
        for m in sorted(ours.values(), key=order):
            judged += 1
            before = (walk.at, {s: list(p) for s, p in walk.prices.items()},
                      {s: dict(q) for s, q in walk.quantities.items()}) if m.exchange_seq is None else None
            if not is_of(m, walk):
                lies.append(f"{topic} seq {m.seq} number {order(m)} is {m.state}: {short(m.body)}, and was never so")
            next_ns = walk.next_time_ns()
            if m.state in FIT and next_ns is not None and (m.ts_publish - next_ns) / 1e9 > max_lag_s:
                lies.append(f"{topic} seq {m.seq} number {order(m)} is {m.state} {(m.ts_publish - next_ns) / 1e9:.1f} s "
                            "after it was true")
            if before is not None:  # another message may be of the same millisecond
                walk.at, walk.prices, walk.quantities = before
        lies += backwards(topic, ours.values())
    return lies, judged


def backwards(topic, messages):
    """A gateway's own messages never go back in what they know."""
    by_epoch = collections.defaultdict(list)
    for m in messages:
        by_epoch[m.epoch].append(m)
    for ours in by_epoch.values():
        ours.sort(key=lambda m: m.seq)
        for one, two in zip(ours, ours[1:]):
            if order(two) < order(one):
                yield f"{topic} seq {two.seq} goes back from number {order(one)} to {order(two)}"


def short(body):
    return " ".join(str([(str(p), str(q)) for p, q in side[:2]]) for side in body)
