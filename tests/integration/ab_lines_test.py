"""A/B lines: two gateways of the same symbols, a cache, a subscriber on libbookcast and the Python one.
While the gateways are killed and started again, one at a time and at seeded moments, both subscribers
hear every trade of the market once, books never go back, and nothing is called unfit that is not.

BOOKCAST_TEST_SEED chooses who dies when; it is printed."""
import json
import os
import random
import subprocess
import sys
import time

import bookcast_test
from bookcast_test import FIT, Process, wait_until

sys.path.insert(0, str(bookcast_test.SOURCE / "subscribers" / "python"))
import bookcast  # noqa: E402: the client as a user has it

N = 3
LEVELS = 30
KILLS = 30 if bookcast_test.LONG else 4
SEED = int(os.environ.get("BOOKCAST_TEST_SEED", "1"))
HEARTBEAT = 1.0  # of these gateways: the one that is left must not be missed where the machine is busy
MISSED = 3 * HEARTBEAT + 5  # three heartbeats, and time for a busy machine under sanitizers
REST = 1 << 2


class Heard:
    """What a subscriber handed out, in order: dictionaries with topic, epoch, ts, id, state, flags."""

    def __init__(self):
        self.all, self.counters = [], {}

    def trades(self):
        return [m for m in self.all if m["topic"].endswith(".trade") and m["source"] != 2]

    def books(self):
        return [m for m in self.all if m["topic"].endswith(".book")]


class Probe(Heard):
    """The subscriber on libbookcast, a process."""

    def __init__(self, case, topics):
        super().__init__()
        self.process = Process([bookcast_test.BIN / "stream_probe", f"ipc://{case.run_dir}/cache.rpc", *topics],
                               case.directory, case.environment, len(case.processes), stdin=subprocess.PIPE)
        case.processes.append(self.process)
        self.process.wait_ready()
        self.out = open(self.process.out_path, encoding="utf-8")
        case.addCleanup(self.out.close)
        self.rest = ""

    def read(self):
        *lines, self.rest = (self.rest + self.out.read()).split("\n")
        for line in lines:
            m = json.loads(line)
            if "counters" in m:
                self.counters = m["counters"]
            elif "topic" in m:
                self.all.append(m)

    def end(self):
        self.process.process.stdin.close()
        return self.process.wait_exit()


class Python(Heard):
    """bookcast.py, in this process."""

    def __init__(self, case, topics):
        super().__init__()
        self.bus = bookcast.connect(f"ipc://{case.run_dir}/cache.rpc")
        case.addCleanup(self.bus.close)
        for topic in topics:
            self.bus.subscribe(*topic.split("/"))

    def read(self):
        while (m := self.bus.recv(0)) is not None:
            if m.seq is None:  # that a gateway is gone; it says nothing of a topic
                self.all.append({"topic": m.topic, "state": m.state, "reason": m.reason, "source": 2})
                continue
            self.all.append({"topic": m.topic, "epoch": m.epoch, "ts": m.ts_exchange, "state": m.state,
                             "source": 0, "id": getattr(m, "trade_id", None) if m.channel == "trade" else None,
                             "flags": REST if "rest" in m.flags else 0, "lost": m.lost,
                             "bids": m.bids if m.channel == "book" else None})
        self.counters = dict(self.bus.counters)


class AbLinesTest(bookcast_test.Case):
    maxDiff = None

    def setUp(self):
        super().setUp()
        self.dice = random.Random(SEED)
        # In the clear: TLS is not what is tested.
        self.sim = self.start_sim("--plain", "--symbols", N, "--rate", 60)
        self.symbols = sorted(s["symbol"] for s in bookcast_test.true_states(self.sim))
        self.lines = {which: self.start_line(which) for which in "ab"}
        self.cache = self.start_cache()
        self.wait_fit(N)

    def start_line(self, which, **options):
        return self.start_gateway(self.sim, "--instance", which, "--heartbeat", f"{HEARTBEAT:g}s", **options)

    def witness(self):
        """What the exchange has said: a gateway that nobody disturbs, on another run directory."""
        directory = self.directory / "witness"
        directory.mkdir(mode=0o700)
        self.start_gateway(self.sim, "--instance", "w", "--run-dir", directory)
        return self.subscribe("upbit.", endpoint=f"ipc://{directory}/upbit.w.pub")

    def subscribers(self):
        topics = [f"upbit/{s}/{c}" for s in self.symbols for c in ("book", "trade")]
        return [Probe(self, topics), Python(self, topics)]

    def go_on(self, seconds, *readers):
        """The market goes on, and everybody reads."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for reader in readers:
                reader.read()
            time.sleep(0.005)

    def read_until(self, condition, what, *readers, seconds=bookcast_test.DEADLINE):
        def done():
            for reader in readers:
                reader.read()
            return condition()
        return wait_until(done, what, seconds)

    def hear_both(self, readers):
        """Until the slower one's copies are dropped again."""
        for reader in readers:
            reader.read()
        before = {r: r.counters.get("arbitrated", 0) for r in readers}
        self.read_until(lambda: all(r.counters.get("arbitrated", 0) >= before[r] + 20 for r in readers),
                        "both lines are heard", *readers)

    def test_every_trade_once_whoever_dies(self):
        witness = self.witness()
        readers = self.subscribers()
        # Everybody hears both lines before it begins.
        self.hear_both(readers)
        witness.wait(lambda m: m.channel == "trade" and m.state in FIT, "a trade at the witness")
        begun = {}
        for reader in readers:
            reader.read()
            begun[reader] = len(reader.all)
        first = time.time_ns()

        self.told = []
        for _ in range(KILLS):
            which = self.dice.choice("ab")
            self.go_on(self.dice.uniform(0.2, 1.2), *readers)
            self.lines[which].kill()
            self.told.append((time.time_ns(), f"{which} killed"))
            # Perhaps it is back before it is missed, perhaps long after.
            self.go_on(self.dice.choice((0.05, 3 * HEARTBEAT + 0.5)), *readers)
            self.lines[which] = self.start_line(which)
            fresh = self.subscribe("upbit.", endpoint=f"ipc://{self.run_dir}/upbit.{which}.pub")
            fit = set()

            def all_fit():
                fit.update(m.topic for m in fresh.drain() if m.channel == "book" and m.state in FIT)
                return len(fit) == N
            self.read_until(all_fit, f"{which} fit again", *readers)
            fresh.close()
            self.told.append((time.time_ns(), f"{which} fit again"))
            # The other one may die next: whoever is to take over must be heard.
            self.hear_both(readers)
            self.told.append((time.time_ns(), f"{which} heard by both"))
        bookcast_test.control(self.sim, "pause")
        true, missing = set(), {}

        def caught_up():
            witness.drain()
            true.update((m.topic, m.body[3]) for m in witness.heard
                        if m.channel == "trade" and first < m.ts_recv and "rest" not in m.flags)
            missing.clear()
            for reader in readers:
                missing[type(reader).__name__] = true - {(m["topic"], m["id"]) for m in reader.trades()}
            return self.is_newest(witness) and not any(missing.values()) and self.books_are_true(readers)
        self.read_until(caught_up, lambda: f"every trade and the last books; {missing} {self.told}", *readers)
        for reader in readers:
            self.check(reader, reader.all[begun[reader]:], first)
        self.check_trades_of_the_cache()
        print(f"{len(true)} trades, {KILLS} deaths, seed {SEED}: " +
              "; ".join(str({k: r.counters[k] for k in ("arbitrated", "filled", "lost")}) for r in readers))
        self.assertGreater(len(true), 20)
        self.assertEqual(readers[0].end(), 0)

    def check(self, reader, heard, first):
        who = type(reader).__name__
        known, twice = set(), []
        for m in heard:
            if m["topic"].endswith(".trade") and m["source"] != 2:
                key = m["topic"], m["id"]
                # What was before both lines were heard a gateway may tell again, as history.
                if key in known and not (m["flags"] & REST and m["ts"] < first):
                    twice.append([x for x in reader.trades() if x["id"] == m["id"]])
                known.add(key)
        self.assertEqual(twice, [], f"{who}: handed out twice")
        # A line that has said no trade of a symbol since it began is not known to have missed none.
        unfit = [m for m in heard if m["state"] not in FIT and not (m["source"] == 2 and m["topic"].endswith(".trade"))]
        self.assertEqual(unfit, [], f"{who}: one of the two was fit all the time")
        newest = {}
        for m in heard:
            if m["topic"].endswith(".book"):
                self.assertGreaterEqual(m["ts"], newest.get(m["topic"], 0), f"{who}: {m['topic']} went back")
                newest[m["topic"]] = m["ts"]
        self.assertGreater(len({m["epoch"] for m in heard}), 1, f"{who}: who speaks can be seen")
        self.assertGreater(reader.counters["arbitrated"], 0)

    def is_newest(self, witness):
        """Of a market that stands still it has heard the last book; and so the trades before it."""
        last = {m.topic: m.body for m in witness.heard if m.channel == "book"}
        return all(last.get(f"upbit.{symbol}.book") == tuple(side[:LEVELS] for side in bookcast_test.truth(self.sim, symbol))
                   for symbol in self.symbols)

    def books_are_true(self, readers):
        """Where the market stands still the last book of each symbol is the truth."""
        cached = self.cached("upbit.")
        for symbol in self.symbols:
            bids, _ = bookcast_test.truth(self.sim, symbol)
            for reader in readers:
                book = [m for m in reader.books() if m["topic"] == f"upbit.{symbol}.book"][-1]
                if book.get("bids") is not None and book["bids"] != bids[:LEVELS]:
                    return False
                if book.get("bids") is None and float(book["bid"]) != float(bids[0][0]):
                    return False
            if (cached[symbol].message.body[0], cached[symbol].state in FIT) != (bids[:LEVELS], True):
                return False
        return True

    def check_trades_of_the_cache(self):
        for symbol in self.symbols:
            reply = self.ask_cache("BC1", "TRADES", f"upbit.{symbol}.trade", 1000)
            ids = [bookcast_test.decode(f"upbit.{symbol}.trade".encode() + b"\0" + p).body[3] for p in reply[8:]]
            self.assertEqual(len(ids), len(set(ids)), "the cache has each trade once")
            self.assertGreater(len(ids), 0)

    def test_watch_shows_the_first_copies_or_both_lines(self):
        def watched(*flags):
            symbol = self.symbols[0]
            _, lines, _ = self.cli_json("watch", f"upbit.{symbol}.book", "--count", 60, *flags)
            return [(m["epoch"], m["ts_exchange"]) for m in lines if m["ts_exchange"] is not None]
        once, both = watched(), watched("--all-lines")
        times = [ts for _, ts in once]
        self.assertEqual(times, sorted(times), "no book goes back")
        epochs = {epoch for epoch, _ in both}
        self.assertEqual(len(epochs), 2)
        by_line = [{ts for e, ts in both if e == epoch} for epoch in epochs]
        self.assertGreater(len(by_line[0] & by_line[1]), 10, "the same books from both")

    def test_both_dead_is_told_and_either_one_alone_makes_it_whole(self):
        readers = self.subscribers()
        probe = readers[0]
        self.hear_both(readers)
        self.lines["a"].kill()
        self.go_on(3 * HEARTBEAT + 0.5, *readers)
        self.assertEqual([m for m in probe.books() if m["state"] not in FIT], [])
        self.lines["b"].kill()
        killed = time.monotonic()

        def told(reader, state):
            last = {m["topic"]: m["state"] for m in reader.all if m["topic"].rsplit(".", 1)[1] in ("book", "state")}
            books = {t.rsplit(".", 1)[0]: s for t, s in last.items() if t.endswith(".book")}
            books.update({t.rsplit(".", 1)[0]: s for t, s in last.items()
                          if t.endswith(".state") and reader is not probe})
            return {s in FIT for s in books.values()} == {state}
        self.read_until(lambda: all(told(r, False) for r in readers), "everybody that nobody is left", *readers)
        self.assertLess(time.monotonic() - killed, MISSED)
        self.assertFalse(readers[1].bus.fit("upbit", self.symbols[0]))
        self.start_line("b")

        def fit_again():
            return all({m["topic"] for m in r.books()[-60:] if m["state"] in FIT and m["epoch"] > before[r]} ==
                       {f"upbit.{s}.book" for s in self.symbols} for r in readers)
        before = {r: max(m["epoch"] for m in r.books() if m.get("epoch")) for r in readers}
        self.read_until(fit_again, "books of the one that came back", *readers)
        self.assertTrue(readers[1].bus.fit("upbit", self.symbols[0]))
        self.assertEqual(probe.end(), 0)


if __name__ == "__main__":
    bookcast_test.main()
