"""bookcast.py - market data from a bookcast bus, in one file on pyzmq and msgpack.

    import bookcast

    with bookcast.connect() as bus:                     # finds the gateways by asking the cache
        bus.subscribe("upbit", "KRW-BTC", "book")       # or "BTC/KRW"; or without a channel
        while True:
            m = bus.recv(timeout=1.0)                   # None: nothing in that time
            if m is None or m.channel != "book":
                continue
            if bus.fit("upbit", "KRW-BTC", max_age=2):  # may I trade on this?
                price, quantity = m.bids[0]             # decimal.Decimal, exactly the exchange's
                print(f"{price:f} {quantity:f}")

    bus.latest("upbit", "KRW-BTC", "ticker").last       # asks the cache what is not subscribed
    bus.trades("upbit", "KRW-BTC", n=20)                # the newest that the cache has kept
    bus.candles("upbit", "BTC/KRW", "1h", n=200)
    bus.state("upbit", "KRW-BTC")                       # State(state='live', reason='none', ...)

A message has the fields of its channel (proto/README.md) as attributes: m.bids, m.price, m.state;
m.as_dict() has all of them. Decimals are decimal.Decimal, times are ns since 1970, unknown is None.

A trade whose m.flags hold "snapshot" is history: it may repeat what was said live, and be older than
what came before it; m.trade_id tells. bus.latest() is never taken back by it, and bus.trades() has each once.

Losses are seen by (epoch, topic, seq): m.lost says how many messages are missing before this one,
and the cache is asked whether anything newer is there; bus.counters counts it all. A gateway that
misses three heartbeats makes everything of it stale (reason "gateway"): recv() then returns a
message of channel "state" with seq None for each symbol heard of. Gateways that move or restart are
followed: the cache is asked every 10 s and after a missed heartbeat, without ever blocking recv().

Two gateways of the same symbols (A/B lines, docs/AB-LINES.md): recv() returns the first good copy of
everything, m.epoch says whose it is. counters: "arbitrated" second copies dropped, "filled" messages
missing on one line that the other one brought; those are not "lost".

bus.policy("latest") is for who may be too slow (docs/SUBSCRIBING.md): recv() first takes all that has
come and returns the newest of each topic; m.replaced counts what it stands for, m.unfit how often it was
not fit to trade on meanwhile. Trades and closed candles are never replaced. bus.audit() says what
became of every message.

A Bus belongs to one thread. Nothing runs in the background: call recv() often enough (once a
second will do), or heartbeats are heard late and state() errs on the safe side.
"""

import json
import os
import time
from collections import deque
from decimal import Decimal
from typing import List, NamedTuple, Optional

import msgpack
import zmq

__all__ = ["connect", "decode", "Bus", "Message", "State", "Account", "Error", "NoAnswer", "NotFound",
           "Refused", "Malformed"]

VERSION = 1
CHANNELS = ("book", "bbo", "trade", "ticker", "candle", "instrument", "state", "heartbeat")
STATES = ("connecting", "syncing", "live", "quiet", "rest", "stale", "halted", "down")
REASONS = ("none", "no-data", "gap", "checksum", "crossed", "disconnected", "range", "clock",
           "gateway", "delisted", "suspended", "unknown-symbol", "shutdown")
FLAGS = ("snapshot", "welcome", "rest", "checksum", "clock", "edge", "range", "state", "locked")
SIDES = (None, "buy", "sell")
KINDS = ("spot", "linear", "inverse", "delivery")
LISTINGS = ("unknown", "trading", "preview", "suspended", "delisted")
INTERVALS = ("1s", "1m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h",
             "1d", "3d", "1w", "1M")
FIT = ("live", "quiet")

NEVER = 2**63 - 1  # an age: it was never known to be true
GATEWAYS_EVERY = 10.0  # seconds between questions where the gateways are
ASK_SOON = 0.25  # while the cache does not know it of all of them
MISSED_HEARTBEATS = 3
MAX_FRAME = 16 << 20
CATCH_UP = 0.2  # seconds in which the stream brings what the cache has already
READY_MAX = 100_000  # messages kept for recv(); then the socket's own limit holds, and it drops
WHOLE = ("book", "bbo", "ticker", "candle", "instrument", "state")  # the newest says it all


class Error(Exception):
    """What this module raises is one of these."""


class NoAnswer(Error):
    """The cache did not answer in time."""


class Refused(Error):
    """The cache answered that it will not: malformed, or over a limit."""


class NotFound(Error):
    """Nobody serves this topic or symbol."""


class Malformed(Error):
    """Bytes that are not a message, or one of a newer major version."""


# ---------------------------------------------------------------------------- messages


class Message:
    """One decoded message; its fields are attributes."""

    __slots__ = ("topic", "lost", "replaced", "unfit", "_fields")

    def __init__(self, topic, fields, lost=0):
        self.topic = topic
        self.lost = lost  # messages missing between the one before and this one
        self.replaced = 0  # messages that came in between, and that this one stands for
        self.unfit = 0  # times in between that it was not fit to trade on
        self._fields = fields

    def __getattr__(self, name):
        try:
            return self._fields[name]
        except KeyError:
            raise AttributeError(f"a {self._fields['channel']} message has no {name!r}") from None

    def __repr__(self):
        return f"Message({self.topic!r}, {self._fields!r})"

    def as_dict(self):
        return dict(self._fields)

    @property
    def fit(self):
        """Was it fit to trade on when it was published? bus.fit() says whether it still is."""
        return self.state in FIT

    def _with(self, **changes):
        return Message(self.topic, {**self._fields, **changes}, self.lost)


def _word(words, number):
    return words[number] if 0 <= number < len(words) else "?"


def _decimal(mantissa, exponent):
    """Exact, whatever the caller's decimal context is."""
    if not -64 <= exponent <= 64:
        raise Malformed(f"exponent {exponent}")
    if exponent >= 0:
        return Decimal(mantissa * 10**exponent)
    return Decimal(f"{mantissa}E{exponent}")


def _pair(element):
    return None if element is None else _decimal(element[0], element[1])


def _scaled(element, exponent):
    if element is None:
        return None
    return _decimal(element, exponent) if isinstance(element, int) else _pair(element)


def _side(elements, price, quantity):
    if len(elements) % 2:
        raise Malformed("half a level")
    values = iter(elements)
    return [(_scaled(p, price), _scaled(q, quantity)) for p, q in zip(values, values)]


def _book(b):
    return {"bids": _side(b[2], b[0], b[1]), "asks": _side(b[3], b[0], b[1])}


def _id_order(trade_id):
    """Trade ids in their order where they are numbers: the shorter first."""
    return len(trade_id or ""), trade_id or ""


def _trade(b):
    return {"price": _scaled(b[2], b[0]), "quantity": _scaled(b[3], b[1]),
            "side": _word(SIDES, b[4]), "trade_id": b[5] or None}


def _ticker(b):
    names = ("last", "open", "high", "low", "volume", "quote_volume", "change")
    scales = (b[0], b[0], b[0], b[0], b[1], b[1], b[0])
    return {n: _scaled(v, e) for n, v, e in zip(names, b[2:9], scales)}


def _candle(b):
    names = ("open", "high", "low", "close", "volume", "quote_volume")
    scales = (b[2], b[2], b[2], b[2], b[3], b[3])
    return {"interval": _word(INTERVALS, b[0]), "ts_open": b[1],
            **{n: _scaled(v, e) for n, v, e in zip(names, b[4:10], scales)}, "closed": b[10]}


def _instrument(b):
    return {"base": b[0], "quote": b[1], "kind": _word(KINDS, b[2]), "unified": b[3],
            "tick": _pair(b[4]), "lot": _pair(b[5]), "contract_size": _pair(b[6]),
            "status": _word(LISTINGS, b[7])}


def _state(b):
    fields = {"previous": _word(STATES, b[0])}
    if len(b) > 1:
        fields.update(symbols_version=b[1], symbols=list(b[2]))
    if len(b) > 3 and b[3]:
        fields["symbols_partial"] = True
    return fields


def _heartbeat(b):
    return {"instance": b[0], "shard": f"{b[1]}/{b[2]}", "pid": b[3], "version": b[4],
            "started": b[5], "interval_ns": b[6], "endpoints": list(b[7]),
            "symbols_version": b[8], "counters": dict(b[9])}


_BODIES = (_book, _book, _trade, _ticker, _candle, _instrument, _state, _heartbeat)


def _split(topic):
    exchange, _, rest = topic.partition(".")
    symbol, _, channel = rest.rpartition(".")
    if not (exchange and symbol and channel):
        raise Malformed(f"topic {topic!r}")
    return exchange, symbol, channel


def _decode(topic, payload):
    exchange, symbol, _ = _split(topic)
    try:
        outer = msgpack.unpackb(payload, strict_map_key=False)
        if not isinstance(outer[0], int) or outer[0] > VERSION:
            raise Malformed(f"version {outer[0]!r}; this reads up to {VERSION}")
        e, body = outer[1], outer[2]
        if not 0 <= e[0] < len(CHANNELS):
            return None
        fields = {"channel": CHANNELS[e[0]], "exchange": exchange, "symbol": symbol,
                  "epoch": e[1], "seq": e[2], "exchange_seq": e[3], "ts_exchange": e[4],
                  "ts_recv": e[5], "ts_publish": e[6], "state": _word(STATES, e[7]),
                  "reason": _word(REASONS, e[8]), "since": e[9],
                  "flags": [w for bit, w in enumerate(FLAGS) if e[10] >> bit & 1],
                  **_BODIES[e[0]](body)}
        if not all(isinstance(fields[k], int) for k in ("epoch", "seq", "since", "ts_publish")):
            raise Malformed("a number is none")
        return Message(topic, fields)
    except Malformed:
        raise
    except Exception as why:  # whatever the bytes made msgpack or the tables raise
        raise Malformed(f"{topic}: {type(why).__name__}: {why}") from why


def decode(frame: bytes) -> Optional[Message]:
    """The message in a frame of the bus; None for a channel of a later version.

    Raises Malformed for anything else that is not a message."""
    topic, nul, payload = bytes(frame).partition(b"\0")
    try:
        text = topic.decode()
    except UnicodeDecodeError as why:
        raise Malformed("the topic is not UTF-8") from why
    if not nul:
        raise Malformed("no topic")
    return _decode(text, payload)


class State(NamedTuple):
    """May I trade on this? `fit` says so; the ages say how well that is known."""

    state: str
    reason: str
    since: Optional[int]  # ns since 1970
    age_ns: int  # since its data changed
    proven_ns: int  # since it was last known to be true

    @property
    def fit(self):
        return self.state in FIT


# ---------------------------------------------------------------------------- the cache


class _Asker:
    """Questions to the cache, one at a time; a late answer is never taken for a later one's."""

    def __init__(self, context, endpoint):
        self.context, self.endpoint = context, endpoint
        self.socket = None
        self.deadline = None  # of the pending question

    def send(self, timeout, *frames):
        if self.socket is None:
            self.socket = self.context.socket(zmq.REQ)
            self.socket.setsockopt(zmq.LINGER, 0)
            self.socket.setsockopt(zmq.REQ_RELAXED, 1)
            self.socket.setsockopt(zmq.REQ_CORRELATE, 1)
            self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME)
            self.socket.connect(self.endpoint)
        self.socket.send_multipart([b"BC1", *(f.encode() for f in frames)])
        self.deadline = time.monotonic() + timeout

    def poll(self):
        """The answer's frames; None: not yet. NoAnswer, Refused."""
        try:
            frames = self.socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            if time.monotonic() < self.deadline:
                return None
            self.close()
            raise NoAnswer(f"no answer from the cache at {self.endpoint}") from None
        self.deadline = None
        if len(frames) < 2 or frames[0] != b"BC1":
            self.close()
            raise NoAnswer(f"{self.endpoint} speaks another language")
        if frames[1] != b"200":
            raise Refused(b" ".join(frames[1:]).decode(errors="replace"))
        return frames[2:]

    def ask(self, timeout, *frames):
        self.send(timeout, *frames)
        while True:
            self.socket.poll(max(0, int(1000 * (self.deadline - time.monotonic())) + 1))
            answer = self.poll()
            if answer is not None:
                return answer

    def close(self):
        if self.socket is not None:
            self.socket.close(0)
        self.socket = self.deadline = None


class _Answer(NamedTuple):
    """What the cache knows of one topic."""

    status: int
    state: str
    age_ns: int
    proven_ns: int
    message: Optional[Message]

    @classmethod
    def of(cls, topic, frames):
        status, state, age, proven, payload = frames
        message = _decode(topic, payload) if payload else None
        return cls(int(status), state.decode(), int(age), int(proven), message)


# ---------------------------------------------------------------------------- what was heard


class _Gateway:
    """One gateway process: an epoch of an exchange."""

    def __init__(self, exchange, epoch, now):
        self.exchange, self.epoch = exchange, epoch
        self.instance = None  # not said yet
        self.heard = now  # last heartbeat; before it the first message
        self.interval = 1.0
        self.endpoints = ()
        self.symbols = frozenset()
        self.said_down = self.replaced = self.reported = False

    def gone(self, now):
        return (self.replaced or self.said_down or
                now - self.heard > MISSED_HEARTBEATS * self.interval)


class _Line:
    """A topic as one gateway publishes it."""

    __slots__ = ("gateway", "seq", "message", "arrived")

    def __init__(self, gateway):
        self.gateway = gateway
        self.seq = 0  # nothing yet
        self.message = None
        self.arrived = 0.0


class _Standing:
    """What was said last of the state of a symbol by one gateway."""

    __slots__ = ("gateway", "state", "reason", "since", "changed", "proven")

    def __init__(self, gateway, now):
        self.gateway = gateway
        self.state, self.reason, self.since = "connecting", "none", -1
        self.changed = self.proven = now


class _Heard:
    """How far one line has got, and what it missed: of a topic that has two (A/B lines)."""

    __slots__ = ("high", "since", "top", "gone", "open", "open_from", "open_to")

    def __init__(self, place, top):
        self.high = self.since = place  # the furthest; since here it has no hole
        self.top = top  # the furthest of its events
        self.gone = False
        self.open = 0  # messages missing, which the other line may still bring
        self.open_from = self.open_to = None


class _Arbiter:
    """Of two lines of a topic the first good copy of everything, once: common/arbiter.h has the rule.

    Trades and closed candles happen once and are known by what they are. Everything else replaces
    what was before: by the exchange's sequence, else by its time, else by when it was received."""

    TRADES, MOMENT, PATIENCE, GONE = 1024, 16, 3.0, 4
    TAKE, COPY, UNFIT, BEHIND = range(4)

    def __init__(self, first, fit):
        """`first` is what was handed out last, of the line before."""
        self.lines = {}  # epoch: _Heard
        self.known, self.order = {}, deque()  # events: identity: [said by]; (identity, at)
        self.moment = []  # of the newest time: [identity, said by]
        self.floor = None  # of events: from here on downwards they are not remembered
        self.behind = None
        self.leader, self.last, self.fit = None, None, None  # (epoch, place, content)
        if first is not None:
            place, top = self._place(first), self._standing(first)
            self.lines[first.epoch] = _Heard(place, top)
            self.leader, self.made_floor = first.epoch, first.epoch
            self.last = first.epoch, place, self._identity(first)
            self.fit = self.last if fit else None
            self.floor = top if first.channel == "trade" or self._is_event(first) else None

    @staticmethod
    def _is_event(m):
        return m.channel == "trade" or (m.channel == "candle" and m.closed is True)

    @staticmethod
    def _place(m):
        candle = m.channel == "candle"
        return (m.ts_open if candle else 0, candle and m.closed is True, m.exchange_seq, m.ts_exchange)

    @staticmethod
    def _standing(m):
        return m.ts_open if m.channel == "candle" else (
            m.exchange_seq if m.exchange_seq is not None else m.ts_exchange)

    @staticmethod
    def _compare(a, b):
        """Below 0: a is older; None: the exchange says nothing of it."""
        if a[:2] != b[:2]:
            return -1 if a[:2] < b[:2] else 1
        for mine, its in zip(a[2:], b[2:]):
            if mine is not None and its is not None:
                return (mine > its) - (mine < its)
        return None

    def _reaches(self, a, b):
        by = self._compare(a, b)
        return by is not None and by >= 0

    @classmethod
    def _identity(cls, m):
        if m.channel == "candle" and m.closed is True:
            return m.ts_open
        if m.channel == "trade" and m.trade_id:
            return m.trade_id
        if m.channel == "state":
            return m.state, m.reason
        known = ("epoch", "seq", "ts_recv", "ts_publish", "state", "reason", "since", "flags")
        return repr([v for k, v in m.as_dict().items() if k not in known])

    # ---- losses

    def _note(self, m, lost):
        place, event = self._place(m), self._is_event(m)
        line = self.lines.get(m.epoch)
        if line is None:
            line = self.lines[m.epoch] = _Heard(place, None)
        line.gone = False
        if lost:
            line.open_from = line.high if not line.open else line.open_from
            line.open += lost
            line.open_to = None
        if "rest" in m.flags:  # history says nothing of how far it is
            return line
        by = self._compare(place, line.high)
        anew = not event and by is not None and by < 0
        if lost or anew:
            line.since = place
        if anew or (by or 0) > 0:
            line.high = place
        if line.open and line.open_to is None:
            line.open_to = line.high
        top = self._standing(m)
        if event and top is not None and (line.top is None or top > line.top):
            line.top = top
        return line

    def _settle(self):
        """(lost, filled): holes nobody fills any more, holes another line has filled."""
        lost = filled = 0
        for line in self.lines.values():
            if not line.open:
                continue
            able = [o for o in self.lines.values()
                    if o is not line and self._reaches(line.open_from, o.since)]
            brought = any(line.open_to is not None and self._reaches(o.high, line.open_to)
                          for o in able)
            if brought:
                filled += line.open
            elif all(o.gone for o in able):
                lost += line.open
            else:
                continue
            line.open = 0
        return lost, filled

    def gone(self, epoch):
        line = self.lines.get(epoch)
        if line is None or line.gone:
            return 0, 0
        line.gone = True
        settled = self._settle()
        self._forget()
        return settled

    def _forget(self):
        """Each restart leaves a line behind: of those that miss nothing the newest may fill what others miss."""
        gone = sorted(epoch for epoch, line in self.lines.items() if line.gone and not line.open)
        for epoch in gone[:-self.GONE]:
            del self.lines[epoch]

    # ---- what happens once

    def _is_known(self, m, line):
        identity, at = self._identity(m), self._standing(m)
        entries = self.known.get(identity, ())
        has_id = m.channel == "candle" or m.trade_id
        for said in entries:
            if has_id or m.epoch not in said:
                said.add(m.epoch)
                return True
        if self.floor is not None and at is not None and at <= self.floor and (
                line.top is None or line.top < self.floor or
                (line.top == self.floor and m.epoch != self.made_floor)):
            return True
        self.known.setdefault(identity, []).append({m.epoch})
        self.order.append((identity, at))
        if len(self.order) > self.TRADES:
            old, at = self.order.popleft()
            self.known[old].pop(0)
            if not self.known[old]:
                del self.known[old]
            if at is not None and (self.floor is None or at > self.floor):
                self.floor = at
        return False

    # ---- what replaces

    def _older(self, leader_holds, now):
        if leader_holds:
            return self.COPY
        if self.behind is None:
            self.behind = now
        return self.TAKE if now - self.behind >= self.PATIENCE else self.BEHIND

    def _same_time(self, m, before, fit, news, leader_holds, now):
        """-> (verdict, whether it is what was taken last)"""
        known = self.TAKE if news else self.COPY
        if m.exchange_seq is not None or m.ts_exchange is None:
            return known, False
        identity = self._identity(m)
        if not fit:
            return (self.COPY if identity == before[2] else self.TAKE), False
        at_end = bool(self.moment) and m.epoch in self.moment[-1][1]
        found = None
        for entry in reversed(self.moment):  # what it has not said yet, behind what it has
            if m.epoch in entry[1]:
                break
            if entry[0] == identity:
                found = entry
        if found is not None:
            found[1].add(m.epoch)
            if identity == before[2]:
                return known, True
        return (self.TAKE if at_end else self._older(leader_holds, now)), False

    def _judge(self, m, place, outranked, leader_holds, fit, news, now):
        before = self.fit if fit else self.last
        if outranked:
            return self.UNFIT, False
        by = 1 if before is None else self._compare(place, before[1])
        own = before is not None and before[0] == m.epoch
        if own and by == 0 and not news and "state" in m.flags:
            return self.COPY, False
        if own or (news and not fit):
            return self.TAKE, False
        if by is None:  # nothing tells their order: the later one, if it says something else
            late = m.ts_recv is None or self.received is None or m.ts_recv >= self.received
            return (self.TAKE if news or (late and self._identity(m) != self.last[2])
                    else self.COPY), False
        if by < 0:
            return self._older(leader_holds, now), False
        if by == 0:
            return self._same_time(m, before, fit, news, leader_holds, now)
        return self.TAKE, False

    received = None  # of the one that was taken last
    made_floor = None

    def _take(self, m, place, fit):
        self.leader, self.behind, self.received = m.epoch, None, m.ts_recv
        numbered = m.exchange_seq is not None
        self.last = m.epoch, place, None if numbered else self._identity(m)
        if fit:
            self.fit = self.last
            if not numbered and m.ts_exchange is not None:
                self.moment = self.moment[1 - self.MOMENT:] + [[self.last[2], {m.epoch}]]

    def believe(self, m):
        """It is older than what was taken, and nothing newer came for PATIENCE."""
        self._take(m, self._place(m), True)

    def offer(self, m, lost, now, outranked=False, leader_holds=True, fit=True, news=False):
        """-> (verdict, lost, filled)"""
        line, place = self._note(m, lost), self._place(m)
        if self._is_event(m):
            verdict = self.COPY if self._is_known(m, line) else self.TAKE
            if verdict == self.TAKE:
                self.leader = m.epoch
                if m.channel == "candle" and (self.fit is None or self._compare(place, self.fit[1]) == 1):
                    self.last = self.fit = m.epoch, place, None  # no open one may come after it
        else:
            verdict, repeats = self._judge(m, place, outranked, leader_holds, fit, news, now)
            if verdict == self.TAKE and repeats:
                self.leader = m.epoch
            elif verdict == self.TAKE:
                self._take(m, place, fit)
        return (verdict, *self._settle())


class _Delays:
    """How times are spread: log-linear buckets of the last half minute and of the one before."""

    HALF = 30.0

    def __init__(self, now):
        self.old, self.old_began = self._empty(), now
        self.new, self.began = self._empty(), now

    @staticmethod
    def _empty():
        return {"negative": 0, "max": 0, "counts": {}}  # by the upper edge of a bucket

    def record(self, ns, now):
        if now - self.began >= self.HALF:
            self.old, self.old_began = self.new, self.began
            self.new, self.began = self._empty(), now
        if ns < 0:
            self.new["negative"] += 1
            return
        shift = max(0, ns.bit_length() - 6)
        edge = ((ns >> shift) + 1 << shift) - 1
        self.new["counts"][edge] = self.new["counts"].get(edge, 0) + 1
        if ns > self.new["max"]:
            self.new["max"] = ns

    def told(self, now):
        merged = dict(self.old["counts"])
        for edge, n in self.new["counts"].items():
            merged[edge] = merged.get(edge, 0) + n
        edges, count = sorted(merged), sum(merged.values())
        longest = max(self.old["max"], self.new["max"])
        out = {"count": count, "negative": self.old["negative"] + self.new["negative"]}
        for name, per_mille in (("p50", 500), ("p90", 900), ("p99", 990), ("p999", 999)):
            seen, rank, value = 0, -(-count * per_mille // 1000), 0
            for edge in edges:
                seen += merged[edge]
                if seen >= rank:
                    value = min(edge, longest)
                    break
            out[name + "_ns"] = value
        return {**out, "max_ns": longest, "window_ns": int((now - self.old_began) * 1e9)}


class Account(NamedTuple):
    """What became of the messages of a topic since the first one here:
    published == received + lost + conflated + redundant + waiting, always."""

    published: int = 0  # by their numbers, so with those that never came
    received: int = 0  # returned by recv()
    lost: int = 0  # never came, or were dropped at the bound
    conflated: int = 0  # replaced by a newer one before recv() returned them
    redundant: int = 0  # of two lines: said by the other one, too
    waiting: int = 0  # to be returned by recv()


class _Waiting:
    """What has come and was not returned yet; common/conflate.h has the rules of the latest."""

    MAX_MORE = 65536  # messages beside the newest of each topic

    def __init__(self):
        self.latest = False
        self.notes = deque()  # of ours, without a number
        self.row = deque()  # all: messages in the order they came
        self.topics = {}  # latest: topic: its messages
        self.turns = deque()  # topics that wait for their turn
        self.more = {}  # topics of which more than one waits, the oldest such first
        self.n_more = 0
        self.accounts = {}  # topic: {name: number}

    def __len__(self):
        return len(self.notes) + len(self.row) + len(self.turns) + self.n_more

    def count(self, topic, **more):
        account = self.accounts.setdefault(topic, dict.fromkeys(Account._fields, 0))
        for name, n in more.items():
            account[name] += n

    def put(self, m):
        self.count(m.topic, published=1, waiting=1)
        if not self.latest:
            self.row.append(m)
            return
        waiting = self.topics.setdefault(m.topic, deque())
        if not waiting:
            self.turns.append(m.topic)
        elif self.replaces(m, waiting[-1]):
            self.count(m.topic, waiting=-1, conflated=1)
            self.pass_on(waiting.pop(), m, replaced=1)
        else:
            self.n_more += 1
            self.more[m.topic] = None
        waiting.append(m)
        if self.n_more > self.MAX_MORE:
            self.drop(next(iter(self.more)))

    @staticmethod
    def is_news(m):
        return m.channel == "trade" or (m.channel == "candle" and (m.closed is True or "rest" in m.flags))

    @classmethod
    def replaces(cls, m, waiting):
        if cls.is_news(waiting):
            return False
        if m.channel == "candle":
            return waiting.ts_open == m.ts_open and "rest" not in m.flags
        return not cls.is_news(m)

    @staticmethod
    def pass_on(old, new, replaced=0, lost=0):
        new.lost += old.lost + lost
        new.replaced += old.replaced + replaced
        new.unfit += old.unfit + (not old.fit)

    def shorten(self, topic):
        """One that is not the newest of its topic has gone."""
        self.n_more -= 1
        if len(self.topics[topic]) == 1:
            del self.more[topic]

    def drop(self, topic):
        waiting = self.topics[topic]
        self.pass_on(waiting.popleft(), waiting[0], lost=1)
        self.count(topic, waiting=-1, lost=1)
        self.shorten(topic)

    def take(self):
        """The next one in turn; None."""
        if self.notes:
            return self.notes.popleft()
        if self.turns:
            topic = self.turns.popleft()
            m = self.topics[topic].popleft()
            if self.topics[topic]:
                self.turns.append(topic)
                self.shorten(topic)
        elif self.row:
            m = self.row.popleft()
        else:
            return None
        self.count(m.topic, waiting=-1, received=1)
        return m

    def set_latest(self, latest):
        if latest and not self.latest:
            row, self.row, self.latest = self.row, deque(), True
            for m in row:
                self.count(m.topic, published=-1, waiting=-1)
                self.put(m)
        self.latest = latest


class Bus:
    """A connection to a bus. Made by connect(); belongs to one thread."""

    def __init__(self, cache, timeout):
        self.timeout = timeout
        self.counters = dict.fromkeys(
            ("messages", "gaps", "lost", "repaired", "duplicates", "stragglers", "malformed",
             "unknown", "connects", "arbitrated", "filled"), 0)
        self._context = zmq.Context()
        self._sub = self._context.socket(zmq.SUB)
        # SNDHWM: subscriptions wait in that queue, and beyond its bound are dropped without a word.
        # The kernel asks after a silent TCP peer; ZMTP's heartbeats end a process that reads too slowly (libzmq 4.3.4).
        for option, value in ((zmq.LINGER, 0), (zmq.RCVHWM, 100_000), (zmq.SNDHWM, 100_000),
                              (zmq.MAXMSGSIZE, MAX_FRAME),
                              (zmq.TCP_KEEPALIVE, 1), (zmq.TCP_KEEPALIVE_IDLE, 1), (zmq.TCP_KEEPALIVE_INTVL, 1),
                              (zmq.TCP_KEEPALIVE_CNT, 3), (zmq.TCP_MAXRT, 3000)):
            self._sub.setsockopt(option, value)
        self._asker = _Asker(self._context, cache)  # for calls that wait
        self._background = _Asker(self._context, cache)  # for recv(), which does not
        self._pending = None  # what the background asker asked: None (gateways) or a topic
        self._to_repair = deque()
        self._ready = _Waiting()  # messages to be returned
        self._ahead = {}  # topic: (epoch, seq, when) that the cache had and the stream has not brought yet
        self._unfit = {}  # (exchange, symbol): times it was said to be unfit
        self._unfit_told = {}  # topic: of these, as of what was returned last
        self._endpoints = {}  # endpoint: exchange, all that are known
        self._connected = set()
        self._exchanges = set()
        self._exact, self._prefixes = set(), set()
        self._gateways = {}  # (exchange, epoch): _Gateway
        self._topics = {}  # topic: {epoch: _Line}
        self._said = {}  # topic: [what was handed out last, rank of its state then]
        self._arbiters = {}  # topic: _Arbiter, once two gateways have served it
        self._withheld = {}  # topic: of a line that is behind what was handed out
        self._untold = {}  # topic: lost, and to be told with its next message
        self._symbols = {}  # (exchange, symbol): {epoch: _Standing}
        self._names = {}  # (exchange, unified name): the exchange's own
        self._next_ask = 0.0
        self._delays = _Delays(time.monotonic())
        try:
            self._take_gateways(self._asker.ask(timeout, "GATEWAYS"))
        except Error:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Closes all sockets; calling it again does nothing."""
        self._asker.close()
        self._background.close()
        self._sub.close(0)
        self._context.term()

    # ------------------------------------------------------------------ subscribing

    def subscribe(self, exchange: str, symbol: Optional[str] = None,
                  channel: Optional[str] = None) -> Optional[str]:
        """Subscribes to a channel of a symbol, to all of a symbol, or to all of an exchange.

        `symbol` is the exchange's own spelling or the unified one ("BTC/KRW"); its own is
        returned. The current state of what matches comes first, flag "welcome". Candles are
        "candle-1m". NotFound: a unified name nobody knows."""
        if symbol is not None:
            symbol = self._resolve(exchange, symbol)
        if channel is not None and symbol is None:
            raise ValueError("a channel needs a symbol")
        if exchange not in self._exchanges:
            self._exchanges.add(exchange)
            self._sub.subscribe(f"{exchange}.@".encode())  # heartbeats and states of gateways
            self._connect_known()
        if channel is not None:
            self._exact.add(f"{exchange}.{symbol}.{channel}")
            self._sub.subscribe(f"{exchange}.{symbol}.{channel}".encode() + b"\0")
            self._sub.subscribe(f"{exchange}.{symbol}.state".encode() + b"\0")
        else:
            prefix = f"{exchange}." if symbol is None else f"{exchange}.{symbol}."
            self._prefixes.add(prefix)
            self._sub.subscribe(prefix.encode())
        return symbol

    def _resolve(self, exchange, symbol):
        if "/" not in symbol:
            return symbol
        if (exchange, symbol) not in self._names:
            status, native = self._asker.ask(self.timeout, "RESOLVE", exchange, symbol)
            if status != b"200":
                raise NotFound(f"{exchange} has no {symbol}")
            self._names[exchange, symbol] = native.decode()
        return self._names[exchange, symbol]

    def _wanted(self, message):
        """Did the caller ask for it, or did we for ourselves?"""
        return message.topic in self._exact or message.topic.startswith(tuple(self._prefixes))

    def _connect_known(self):
        for endpoint, exchange in self._endpoints.items():
            if exchange in self._exchanges and endpoint not in self._connected:
                self._sub.connect(endpoint)
                self._connected.add(endpoint)
                self.counters["connects"] += 1

    def _take_gateways(self, frames):
        """Where the gateways are now, as the cache knows it."""
        gateways = json.loads(frames[0])["gateways"]
        listed = {g["endpoint"]: g["exchange"] for g in gateways if g.get("endpoint")}
        now = time.monotonic()
        # A cache that has just started does not know who is heard here: that goes first.
        heard = {e for g in self._gateways.values() if not g.gone(now) for e in g.endpoints}
        # Until its first heartbeat the cache does not know where a gateway is: perhaps where it was.
        all_known = all(g.get("endpoint") for g in gateways)
        for endpoint in self._connected - set(listed) - heard if all_known else ():
            self._sub.disconnect(endpoint)
            self._connected.discard(endpoint)
        self._endpoints = listed
        self._connect_known()
        self._next_ask = now + (GATEWAYS_EVERY if all_known else ASK_SOON)

    # ------------------------------------------------------------------ receiving

    def recv(self, timeout: Optional[float] = None) -> Optional[Message]:
        """The next message of what is subscribed; None after `timeout` seconds without one.

        timeout None waits for ever, 0 does not wait."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            self._drain()
            self._housekeeping()
            message = self._ready.take()
            if message is not None:
                return self._tell_unfit(message)
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                return None
            wait = 0.2 if deadline is None else min(0.2, deadline - now)
            self._wait(wait)

    def _tell_unfit(self, m):
        """Trades, candles and instruments are not published again when their symbol's state changes."""
        if m.channel in ("trade", "candle", "instrument"):
            times = self._unfit.get((m.exchange, m.symbol), 0)
            m.unfit = times - self._unfit_told.get(m.topic, times)
            self._unfit_told[m.topic] = times
        return m

    def policy(self, name: str) -> None:
        """What becomes of what is not taken in time: "all" (at first), one message after another, and when the
        queues are full they are lost; "latest", the newest of each topic. May be changed at any time."""
        if name not in ("all", "latest"):
            raise ValueError(f"{name!r} is no policy: 'all', 'latest'")
        self._ready.set_latest(name == "latest")

    def audit(self, exchange: Optional[str] = None, symbol: Optional[str] = None,
              channel: Optional[str] = None) -> Account:
        """What became of every message of a topic, or of all of a symbol, an exchange, everything. What was
        published after the last message that arrived is not in it yet."""
        if symbol is not None:
            symbol = self._resolve(exchange, symbol)
        begin = "".join(f"{part}." for part in (exchange, symbol) if part is not None)
        wanted = (a for topic, a in self._ready.accounts.items()
                  if topic == f"{begin}{channel}" or (channel is None and topic.startswith(begin)))
        sums = dict.fromkeys(Account._fields, 0)
        for account in wanted:
            for name, n in account.items():
                sums[name] += n
        return Account(**sums)

    def latency(self):
        """How long messages took from their publication to being taken off the socket, in the last 30
        to 60 s: count, negative, p50_ns, p90_ns, p99_ns, p999_ns, max_ns, window_ns. Quantiles are at
        most 3.2 % above the truth; two hosts have two clocks, and their difference is in every figure
        (what comes out below 0 is only counted)."""
        return self._delays.told(time.monotonic())

    def _wait(self, seconds):
        poller = zmq.Poller()
        poller.register(self._sub, zmq.POLLIN)
        if self._background.deadline is not None:
            poller.register(self._background.socket, zmq.POLLIN)
        poller.poll(int(1000 * seconds) + 1)

    def _drain(self):
        """Takes what has arrived: of all, up to so much that heartbeats are not heard late; of the latest
        as much as the queue holds, since only then it is the latest."""
        latest = self._ready.latest and not self._ready.row
        for _ in range(READY_MAX if latest else 1000):
            if not latest and len(self._ready) >= READY_MAX:
                return
            try:
                frame = self._sub.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            try:
                message = decode(frame)
            except Malformed:
                self.counters["malformed"] += 1
                continue
            if message is None:
                self.counters["unknown"] += 1
            else:
                self._hear(message, time.monotonic())

    def _hear(self, m, now, from_cache=False):
        gateway = self._gateway_of(m, now)
        if gateway.replaced:
            self.counters["stragglers"] += 1
            return
        lines = self._topics.setdefault(m.topic, {})
        line = lines.setdefault(m.epoch, _Line(gateway))
        if m.seq >= line.seq:
            self._note_standing(m, gateway, now)
        if m.seq <= line.seq:
            self.counters["duplicates"] += 1
            return
        if line.seq:
            m.lost = m.seq - line.seq - 1
        line.seq = m.seq
        first = self._is_first(m, lines, now)
        if not self._is_history(m, line.message):
            line.message, line.arrived = m, now
        if first and self._wanted(m):
            m.lost += self._untold.pop(m.topic, 0)
            self.counters["messages"] += 1
            self._ready.put(m)
            if not from_cache and "welcome" not in m.flags:
                self._delays.record(time.time_ns() - m.ts_publish, now)

    # ------------------------------------------------------------------ A/B lines

    def _is_first(self, m, lines, now):
        """Of two lines: is it the first good copy? Counts what is missing before it."""
        said = self._said.get(m.topic)  # [what was handed out last, rank of the topic's state then]
        arbiter = self._arbiters.get(m.topic)
        if m.symbol.startswith("@"):  # every gateway speaks for itself
            self._count_lost(m, m.lost)
            return True
        ranks = {epoch: self._rank(m, epoch, now) for epoch, line in lines.items()
                 if not line.gateway.replaced} if len(lines) > 1 else {}
        if arbiter is None and (len(ranks) > 1 or (m.channel == "trade" and self._is_listed_twice(m))):
            arbiter = self._arbiters[m.topic] = _Arbiter(said and said[0], said and said[1] == 3)
        rank = max(ranks.values()) if ranks else self._rank(m, m.epoch, now)
        if arbiter is None:
            self._count_lost(m, m.lost)
            self._said[m.topic] = [m, rank]
            return True
        ranks.setdefault(m.epoch, rank)
        verdict, lost, filled = arbiter.offer(
            m, m.lost, now, outranked=ranks[m.epoch] < rank, fit=rank == 3,
            leader_holds=ranks.get(arbiter.leader, -1) >= ranks[m.epoch],
            news=said is None or said[1] != rank)
        m.lost = 0
        self._count_lost(m, lost)
        self._untold[m.topic] = self._untold.get(m.topic, 0) + lost
        self.counters["filled"] += filled
        if self._wanted(m):
            self._ready.count(m.topic, published=filled, redundant=filled)
        if verdict != arbiter.TAKE:
            if self._wanted(m):
                self._ready.count(m.topic, published=1, redundant=1)
            if verdict == arbiter.BEHIND:
                self._withheld[m.topic] = m
            self.counters["arbitrated"] += 1
            return False
        if ranks[m.epoch] < rank:  # a trade: it is as good as any, and the other line says how things are
            best = max(ranks, key=ranks.get)
            standing = self._symbols[m.exchange, m.symbol][best]
            m._fields.update(state=standing.state, reason=standing.reason, since=standing.since)
        self._said[m.topic] = [m, rank]
        return True

    def _lose_patience(self, now):
        """What was older than what had been handed out is believed when nothing newer comes."""
        for topic, m in list(self._withheld.items()):
            arbiter = self._arbiters[topic]
            if arbiter.behind is not None and now - arbiter.behind < arbiter.PATIENCE:
                continue
            del self._withheld[topic]
            if arbiter.behind is not None and self._rank(m, m.epoch, now) == 3:
                arbiter.believe(m)
                self._said[topic] = [m, 3]
                if self._wanted(m):
                    self._ready.count(topic, published=-1, redundant=-1)
                    self._ready.put(m)

    def _is_listed_twice(self, m):
        """What only one of two gateways has said yet, both will."""
        return sum(not g.replaced and g.exchange == m.exchange and m.symbol in g.symbols
                   for g in self._gateways.values()) > 1

    def _rank(self, m, epoch, now):
        """3 fit, 2 polled, 0 down, 1 else: the symbol as that gateway serves it."""
        standing = self._symbols.get((m.exchange, m.symbol), {}).get(epoch)
        state = self._state_of(standing, now).state if standing else "connecting"
        return 3 if state in FIT else {"rest": 2, "down": 0}.get(state, 1)

    def _count_lost(self, m, lost):
        if not lost:
            return
        self.counters["gaps"] += 1
        self.counters["lost"] += lost
        if self._wanted(m):
            self._ready.count(m.topic, published=lost, lost=lost)
        if m.channel in WHOLE and m.topic not in self._to_repair:
            self._to_repair.append(m.topic)

    def _line_gone(self, gateway):
        """What it has not brought the other line has not lost for good, or has."""
        for topic, arbiter in self._arbiters.items():
            if not topic.startswith(f"{gateway.exchange}."):
                continue
            lost, filled = arbiter.gone(gateway.epoch)
            self.counters["filled"] += filled
            if lost:
                self.counters["gaps"] += 1
                self.counters["lost"] += lost
                self._untold[topic] = self._untold.get(topic, 0) + lost
            if topic in self._ready.accounts:
                self._ready.count(topic, published=lost + filled, lost=lost, redundant=filled)

    @staticmethod
    def _is_history(m, newest):
        """A trade or candle fetched by REST that happened before the newest one, or is the very trade."""
        time_of = {"trade": "ts_exchange", "candle": "ts_open"}.get(m.channel)
        if newest is None or time_of is None or "rest" not in m.flags:
            return False
        mine, its = getattr(m, time_of), getattr(newest, time_of)
        if mine is None or its is None:
            return False
        if m.channel == "trade" and mine == its:
            return _id_order(m.trade_id) <= _id_order(newest.trade_id)
        return mine < its

    def _gateway_of(self, m, now):
        key = m.exchange, m.epoch
        gateway = self._gateways.get(key)
        if gateway is None:
            gateway = self._gateways[key] = _Gateway(m.exchange, m.epoch, now)
        if m.symbol.startswith("@"):
            gateway.said_down = m.state == "down"
            if m.channel == "state":
                listed = m.as_dict().get("symbols")  # none: it has no list yet
                gateway.symbols = gateway.symbols if listed is None else frozenset(listed)
            if gateway.instance is None:
                gateway.instance = m.symbol[1:]
                self._replace_older(gateway)
        if m.channel == "heartbeat":
            if gateway.gone(now):
                self._renew(m.exchange)
            gateway.heard, gateway.interval = now, m.interval_ns / 1e9
            gateway.endpoints = tuple(m.endpoints)
            gateway.reported = False
            if m.endpoints and m.endpoints[0] not in self._endpoints:
                self._next_ask = now  # it is somewhere else than the cache said
        return gateway

    def _renew(self, exchange):
        """It was silent and speaks again: a filter set once more makes it say what is true now."""
        filters = [p.encode() for p in self._prefixes if p.startswith(f"{exchange}.")]
        for topic in self._exact:
            if topic.startswith(f"{exchange}."):
                filters += [topic.encode() + b"\0",
                            topic.rpartition(".")[0].encode() + b".state\0"]
        for text in filters:
            self._sub.subscribe(text)
            self._sub.unsubscribe(text)  # takes back one of two; the first stays

    def _replace_older(self, newer):
        """A larger epoch of an instance takes the place of the one before."""
        same = [g for g in self._gateways.values()
                if (g.exchange, g.instance) == (newer.exchange, newer.instance)]
        newest = max(g.epoch for g in same)
        for g in same:
            g.replaced = g.epoch < newest
            if g.replaced:
                self._line_gone(g)
        for g in sorted((g for g in same if g.replaced), key=lambda g: g.epoch)[:-_Arbiter.GONE]:
            self._forget_gateway(g)

    def _forget_gateway(self, gateway):
        """Replaced so often since that not even a straggler of it may come."""
        del self._gateways[gateway.exchange, gateway.epoch]
        for known in (*self._topics.values(), *self._symbols.values()):
            if len(known) > 1 and gateway.epoch in known and known[gateway.epoch].gateway is gateway:
                del known[gateway.epoch]

    # ------------------------------------------------------------------ states

    def _note_standing(self, m, gateway, now):
        if m.symbol.startswith("@"):
            return
        if m.channel == "state" and not m.fit:
            self._unfit[m.exchange, m.symbol] = self._unfit.get((m.exchange, m.symbol), 0) + 1
        known = self._symbols.setdefault((m.exchange, m.symbol), {})
        standing = known.get(m.epoch)
        if standing is None:
            standing = known[m.epoch] = _Standing(gateway, now)
        # News comes in order; a welcome repeats, and may be older than what is known by now.
        if "welcome" not in m.flags or m.since >= standing.since:
            standing.state, standing.reason, standing.since = m.state, m.reason, m.since
        if m.channel != "state" and not {"state", "welcome"} & set(m.flags):
            standing.changed = now
        standing.proven = now

    @staticmethod
    def _state_of(standing, now):
        """What a gateway said, unless it is gone."""
        gateway = standing.gateway
        age = int((now - standing.changed) * 1e9)
        proven_at = standing.proven
        if standing.state in FIT:
            proven_at = max(proven_at, gateway.heard)
        proven = int((now - proven_at) * 1e9)
        if gateway.gone(now):
            return State("stale", "gateway", None, age, proven)
        since = standing.since if standing.since >= 0 else None
        return State(standing.state, standing.reason, since, age, proven)

    def state(self, exchange: str, symbol: str) -> State:
        """The state of a symbol now, with ages: of what was received, else from the cache.

        NotFound: nobody serves it. NoAnswer: the cache does not answer."""
        self._drain()
        symbol = self._resolve(exchange, symbol)
        now = time.monotonic()
        known = self._symbols.get((exchange, symbol), {})
        states = [self._state_of(s, now) for s in known.values() if not s.gateway.replaced]
        if states:
            return min(states, key=lambda s: (not s.fit, s.proven_ns))
        status, state = self._ask_state(f"{exchange}.{symbol}.state")
        if status == 404:
            raise NotFound(f"nobody serves {exchange} {symbol}")
        return state

    def fit(self, exchange: str, symbol: str, max_age: Optional[float] = None,
            allow_rest: bool = False) -> bool:
        """May I trade on this? True only if its state says so and, with max_age (seconds), if that
        has been proven no longer ago. Not knowing is False."""
        try:
            state = self.state(exchange, symbol)
        except Error:
            return False
        if not (state.fit or (allow_rest and state.state == "rest")):
            return False
        return max_age is None or state.proven_ns <= max_age * 1e9

    def latest(self, exchange: str, symbol: str, channel: str) -> Optional[Message]:
        """The newest message of a topic, with its state now, age_ns and proven_ns beside.

        What is subscribed comes from what was received, the rest from the cache. None: its owner
        is known, there is no data yet. NotFound: nobody serves it."""
        self._drain()
        symbol = self._resolve(exchange, symbol)
        topic = f"{exchange}.{symbol}.{channel}"
        now = time.monotonic()
        known = self._symbols.get((exchange, symbol), {})
        held = [(self._state_of(known[epoch], now), line)
                for epoch, line in self._topics.get(topic, {}).items()
                if epoch in known and not line.gateway.replaced]
        if held:
            state, line = min(held, key=lambda h: (not h[0].fit, h[0].proven_ns))
            return line.message._with(
                state=state.state, reason=state.reason, since=state.since,
                age_ns=int((now - line.arrived) * 1e9), proven_ns=state.proven_ns)
        (frame,) = self._asker.ask(self.timeout, "LATEST", topic)
        line, payload = frame.split(b"\n", 1)
        status, state = self._standing(line.split(b" "))
        if status == 404:
            raise NotFound(f"nobody serves {topic}")
        message = _decode(topic, payload) if payload else None
        return message and message._with(**state._asdict())

    def trades(self, exchange: str, symbol: str, n: int = 100) -> List[Message]:
        """The newest trades the cache has kept of a symbol, at most n (10000), the oldest first.

        state, reason, since, age_ns and proven_ns are the topic's now, for all of them: where it is
        not fit, newer ones may be missing. []: its owner is known, there are none yet. NotFound:
        nobody serves it. Refused: n is none, or this cache keeps no trades."""
        return self._history("TRADES", exchange, symbol, "trade", n)

    def candles(self, exchange: str, symbol: str, interval: str = "1m",
                n: int = 100) -> List[Message]:
        """The same of candles; the last one is mostly still open."""
        if interval not in INTERVALS:
            raise ValueError(f"{interval!r} is none of {' '.join(INTERVALS)}")
        return self._history("CANDLES", exchange, symbol, f"candle-{interval}", n)

    def _history(self, verb, exchange, symbol, channel, n):
        topic = f"{exchange}.{self._resolve(exchange, symbol)}.{channel}"
        frames = self._asker.ask(self.timeout, verb, topic, str(n))
        status, state = self._standing(frames[:6])
        if status == 404:
            raise NotFound(f"nobody serves {topic}")
        messages = (_decode(topic, payload) for payload in frames[6:])
        return [m._with(**state._asdict()) for m in messages if m is not None]

    @staticmethod
    def _standing(frames):
        """The status of a topic and its state now, from the six frames of STATE or their words."""
        status, state, reason, since, age, proven = (f.decode() for f in frames)
        began = int(since) if since else None
        return int(status), State(state, reason, began, int(age), int(proven))

    def _ask_state(self, topic):
        """The status of a topic and its state now, as the cache knows them."""
        return self._standing(self._asker.ask(self.timeout, "STATE", topic))

    # ------------------------------------------------------------------ beside the stream

    def _housekeeping(self):
        now = time.monotonic()
        self._report_gone(now)
        if self._withheld:
            self._lose_patience(now)
        if self._background.deadline is not None:
            self._take_background()
        elif self._to_repair or self._overdue(now):
            self._pending = self._to_repair.popleft() if self._to_repair else self._overdue(now)
            self._background.send(self.timeout, "GET", self._pending)
        elif now >= self._next_ask:
            self._pending = None
            self._next_ask = now + GATEWAYS_EVERY
            self._background.send(self.timeout, "GATEWAYS")

    def _overdue(self, now):
        """A topic whose newest message the stream has had time to bring; None."""
        return next((t for t, seen in self._ahead.items() if now - seen[2] >= CATCH_UP), None)

    def _take_background(self):
        try:
            frames = self._background.poll()
            if frames is None:
                return
            if self._pending is None:
                self._take_gateways(frames)
            else:
                self._take_repair(_Answer.of(self._pending, frames))
        except (Error, ValueError, KeyError, TypeError):
            # The stream goes on without the cache; it is asked again after one more interval.
            self._ahead.pop(self._pending, None)
            self._next_ask = time.monotonic() + 1.0

    def _take_repair(self, answer):
        """After a gap: is there anything newer than what came after it?"""
        line = self._topics.get(self._pending, {}).get(answer.message and answer.message.epoch)
        if line is None:
            self._ahead.pop(self._pending, None)
            return
        now, epoch, theirs = time.monotonic(), answer.message.epoch, answer.message.seq
        ahead = self._ahead.pop(self._pending, (epoch, line.seq, now))
        if theirs <= line.seq:
            self.counters["repaired"] += 1
        elif ahead[0] == epoch and ahead[1] > line.seq and now - ahead[2] >= CATCH_UP:
            self.counters["repaired"] += 1
            self._hear(answer.message, now, from_cache=True)
        else:  # mostly it is on its way here; only what does not come in a while is lost
            seen = ahead if ahead[0] == epoch and ahead[1] > line.seq else (epoch, theirs, now)
            self._ahead[self._pending] = seen

    def _report_gone(self, now):
        """Symbols of a gateway that went silent: said once, as messages of channel state."""
        for gateway in self._gateways.values():
            if gateway.reported or gateway.replaced or not gateway.gone(now):
                continue
            gateway.reported = True
            self._line_gone(gateway)
            self._next_ask = min(self._next_ask, now)
            for (exchange, symbol), known in self._symbols.items():
                standing = known.get(gateway.epoch)
                if standing is None or standing.gateway is not gateway:
                    continue
                if all(s.gateway.gone(now) for s in known.values()):
                    self._ready.notes.append(self._stale_message(exchange, symbol, standing))
                # Until it says so again itself, even if it is only late.
                standing.state, standing.reason, standing.since = "stale", "gateway", -1

    @staticmethod
    def _stale_message(exchange, symbol, standing):
        wall = time.time_ns()
        return Message(f"{exchange}.{symbol}.state", {
            "channel": "state", "exchange": exchange, "symbol": symbol,
            "epoch": standing.gateway.epoch, "seq": None, "exchange_seq": None,
            "ts_exchange": None, "ts_recv": wall, "ts_publish": None, "state": "stale",
            "reason": "gateway", "since": wall, "flags": [], "previous": standing.state})


# ---------------------------------------------------------------------------- connecting


def _default_cache():
    if os.environ.get("BOOKCAST_CACHE"):
        return os.environ["BOOKCAST_CACHE"]
    directory, user = os.environ.get("BOOKCAST_RUN_DIR"), os.environ.get("XDG_RUNTIME_DIR", "")
    if directory:
        directory = os.path.abspath(directory)
    else:
        if os.path.isdir("/run/bookcast") or os.access("/run", os.W_OK):
            directory = "/run/bookcast"
        elif user.startswith("/") and os.path.isdir(user):
            directory = os.path.join(user, "bookcast")
        else:
            directory = f"/tmp/bookcast-{os.getuid()}"
    return f"ipc://{directory}/cache.rpc"


def connect(cache: Optional[str] = None, timeout: float = 2.0) -> Bus:
    """Connects to the bus whose cache is at `cache` (an endpoint).

    Default: BOOKCAST_CACHE, else cache.rpc in the run directory (BOOKCAST_RUN_DIR, /run/bookcast,
    $XDG_RUNTIME_DIR/bookcast, /tmp/bookcast-<uid>). `timeout` (seconds) is for each question to
    the cache. NoAnswer: there is none."""
    return Bus(cache or _default_cache(), timeout)
