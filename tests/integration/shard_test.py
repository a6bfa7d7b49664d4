"""Several gateways divide the symbols of an exchange. Changing their number moves what must move, and
nobody who listens is without a fit owner of any symbol meanwhile."""
import json
import sys
import time
import unittest
import urllib.request

import bookcast_test
sys.path.insert(0, str(bookcast_test.SOURCE / "subscribers" / "python"))
import bookcast  # noqa: E402, the module itself as it is installed
from bookcast_test import FIT, ask, control, wait_until
from fake_gateway import Control

SYMBOLS = 24
LINGER = 1.0
MASK = (1 << 64) - 1


def scores(exchange, symbol, count):
    """docs/SHARDING.md, word for word."""
    key = 0xcbf29ce484222325
    for byte in f"{exchange}.{symbol}".encode():
        key = (key ^ byte) * 0x100000001b3 & MASK

    def score(shard):
        x = key + (shard + 1) * 0x9e3779b97f4a7c15 & MASK
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & MASK
        x = (x ^ x >> 27) * 0x94d049bb133111eb & MASK
        return x ^ x >> 31
    return [score(shard) for shard in range(count)]


def owner(exchange, symbol, count):
    return max(range(count), key=scores(exchange, symbol, count).__getitem__)


def dealt(exchange, weights, count):
    """Balance by load, as docs/SHARDING.md has it: the parts, and the load of each. Weights in thousandths."""
    parts, loads = [set() for _ in range(count)], [0] * count
    limit = sum(weights.values()) * 5 // (4 * count) + 1
    for symbol, weight in sorted(weights.items(), key=lambda w: (-w[1], w[0])):
        fitting = [i for i in range(count) if loads[i] + weight <= limit]
        chosen = (max(fitting, key=scores(exchange, symbol, count).__getitem__) if fitting
                  else min(range(count), key=loads.__getitem__))
        parts[chosen].add(symbol)
        loads[chosen] += weight
    return parts, loads


def symbol_of(m):
    return m.topic.split(".", 1)[1].rsplit(".", 1)[0]


class Watcher:
    """A subscriber of everything. After each message: which gateway processes list a symbol, and have
    it fit? `bare` are the symbols that were once had and then by nobody."""

    def __init__(self, case):
        self.case, self.heard = case, {}
        self.lists, self.states, self.shards, self.bare = {}, {}, {}, []
        self.had = set()
        self.messages = []

    def follow(self, instance):
        if instance not in self.heard:
            self.heard[instance] = self.case.subscribe(
                f"{self.case.exchange}.", endpoint=f"ipc://{self.case.run_dir}/{self.case.exchange}.{instance}.pub")

    def drain(self):
        new = [m for heard in self.heard.values() for m in heard.drain()]
        for m in sorted(new, key=lambda m: m.ts_publish):
            self.take(m)
        self.messages += new
        self.look()

    def take(self, m):
        symbol = symbol_of(m)
        if m.channel == "heartbeat":
            self.shards[m.epoch] = (m.body[1], m.body[2])
        elif m.channel == "state" and symbol.startswith("@"):
            symbols = m.body[2] if len(m.body) > 2 else []  # before the first one there is no list
            self.lists[m.epoch] = set(symbols) if m.state != "down" else set()
        elif not symbol.startswith("@"):
            self.states[m.epoch, symbol] = m.state

    def owners(self, symbol):
        return [epoch for epoch, symbols in self.lists.items()
                if symbol in symbols and self.states.get((epoch, symbol)) in FIT]

    def look(self):
        for symbol in {s for symbols in self.lists.values() for s in symbols} | self.had:
            if self.owners(symbol):
                self.had.add(symbol)
            elif symbol in self.had:
                self.bare.append((symbol, {e: s for (e, n), s in self.states.items() if n == symbol}))

    def wait(self, condition, what, seconds=bookcast_test.DEADLINE):
        def true():
            self.drain()
            return condition()
        return wait_until(true, what, seconds)

    def divided(self, symbols, n):
        """Has each symbol one owner, the one it should have of n shards?"""
        for symbol in symbols:
            owners = self.owners(symbol)
            if len(owners) != 1 or self.shards.get(owners[0]) != (owner(self.case.exchange, symbol, n), n):
                return False
        return True


class Reader:
    """bookcast.py as a strategy uses it. `unfit` are symbols that were fit once and then were not."""

    def __init__(self, case, symbols):
        self.bus = bookcast.connect(f"ipc://{case.run_dir}/cache.rpc", timeout=bookcast_test.DEADLINE)
        self.exchange = case.exchange
        self.symbols, self.had, self.unfit, self.epochs = symbols, set(), [], {}
        for symbol in symbols:
            self.bus.subscribe(self.exchange, symbol, "book")
        case.addCleanup(self.bus.close)

    def look(self):
        while (m := self.bus.recv(timeout=0)) is not None:
            self.epochs.setdefault(m.symbol, set()).add(m.epoch)
        for symbol in self.symbols:
            if self.bus.fit(self.exchange, symbol):
                self.had.add(symbol)
            elif symbol in self.had:
                self.unfit.append((symbol, self.bus.state(self.exchange, symbol)))
        return len(self.had) == len(self.symbols)


class Divided(bookcast_test.Case):
    def start_shard(self, sim, index, count, *arguments, **options):
        return self.start_gateway(sim, "--shard", f"{index}/{count}", "--shard-linger", f"{LINGER:g}s",
                                  "--channels", "book", *arguments, **options)

    def ctl(self, gateway, *words):
        reply = ask(self.context, gateway.ready["ctl"], ["BC1", *words])
        return int(reply[1]), [f.decode() for f in reply[2:]]

    def symbols_of(self, sim):
        return sorted(t["symbol"] for t in bookcast_test.true_states(sim))

    def check_untouched(self, watcher, symbols, epochs):
        """One gateway process each, all the time, no hole, never unfit."""
        heard = [m for m in watcher.messages if symbol_of(m) in symbols]
        self.assertEqual({m.epoch for m in heard} - epochs, set())
        self.assertEqual(bookcast_test.holes(heard), [])
        first = {}
        for m in heard:
            if m.state in FIT:
                first.setdefault(m.topic, m)
        self.assertEqual([m for m in heard if m.topic in first and m.seq > first[m.topic].seq and
                          m.state not in FIT], [])


class ReshardTest(Divided):
    def test_two_become_three_and_two_again(self):
        sim = self.start_sim("--symbols", str(SYMBOLS), "--rate", "200", "--plain")
        symbols = self.symbols_of(sim)
        gateways = [self.start_shard(sim, i, 2) for i in range(2)]
        self.assertEqual([g.ready["instance"] for g in gateways], ["0", "1"])
        self.start_cache()
        watcher = Watcher(self)
        for i in range(2):
            watcher.follow(i)
        watcher.wait(lambda: watcher.divided(symbols, 2), "every symbol with its shard of 2")
        reader = Reader(self, symbols)
        watcher.wait(reader.look, "every symbol at a reader of ours")
        moving = {s for s in symbols if owner(self.exchange, s, 3) == 2}
        self.assertTrue(moving and moving != set(symbols), "the market has been chosen so")
        epochs = set(watcher.lists)

        # The new one comes; the old ones are told.
        gateways.append(self.start_shard(sim, 2, 3))
        watcher.follow(2)
        status, out, err = self.cli("reshard", self.exchange, "3")
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out, "".join(f"{self.exchange}.{i} was shard {i}/{n} and is {i}/3\n" for i, n in enumerate((2, 2, 3))))
        watcher.wait(lambda: reader.look() and watcher.divided(symbols, 3), "every symbol with its shard of 3")
        self.assertEqual(watcher.bare, [])
        self.wait_fit(SYMBOLS, f"{self.exchange}.")
        self.check_untouched(watcher, set(symbols) - moving, epochs)
        self.assertEqual(reader.unfit, [])
        third = next(iter(set(watcher.lists) - epochs))
        watcher.wait(lambda: reader.look() and all(third in reader.epochs[s] for s in moving),
                     "the third gateway at our reader, which looks for it every 10 s")

        # And back: the third one hands over, and ends.
        status, out, err = self.cli("reshard", self.exchange, "2")
        self.assertEqual((status, err), (0, ""))
        self.assertIn(f"{self.exchange}.2 hands over what it has, and ends\n", out)
        watcher.wait(lambda: reader.look() and not gateways[2].running(), "the end of the third")
        self.assertEqual(gateways[2].wait_exit(), 0)
        self.assertIn("retired", gateways[2].err)
        watcher.wait(lambda: reader.look() and watcher.divided(symbols, 2), "every symbol with its shard of 2 again")
        self.assertEqual(watcher.bare, [])
        self.assertEqual(reader.unfit, [])
        self.assertEqual({len(reader.epochs[s]) for s in set(symbols) - moving}, {1})
        self.wait_fit(SYMBOLS, f"{self.exchange}.")
        self.check_untouched(watcher, set(symbols) - moving, epochs)
        for gateway in gateways[:2]:
            self.assertNotIn("ws.closed", gateway.err)


@unittest.skipUnless(bookcast_test.LONG, "BOOKCAST_LONG is not set")
class ReshardChangesTest(ReshardTest):
    """Books out of snapshots and changes take longer to be fit; frames add instead of replacing."""
    exchange = "binance-spot"


class ShardTest(Divided):
    def ownership(self):
        status, gateways, err = self.cli_json("gateways")
        return status, gateways[0]["ownership"] if gateways else None, {g["instance"]: g for g in gateways}, err

    def wait_ownership(self, expected):
        """Until the cache says so; the rest of the answer."""
        last = []

        def as_expected():
            last[:] = self.ownership()
            return last[1] and {k: last[1][k] for k in expected} == expected and last
        return wait_until(as_expected, lambda: f"{expected}; last: {last}")

    def test_who_has_what_is_told(self):
        sim = self.start_sim("--symbols", "12", "--rate", "100", "--plain")
        symbols = self.symbols_of(sim)
        parts = [{s for s in symbols if owner("upbit", s, 2) == i} for i in range(2)]
        cache = self.start_cache("--metrics", "127.0.0.1:0")
        gateways = [self.start_shard(sim, i, 2) for i in range(2)]
        self.wait_fit(12)
        status, _, _, err = self.wait_ownership({"owned": True, "alive": 2, "shards": 2, "problem": None})
        self.assertEqual((status, err), (0, ""))
        # A second line of a shard is no double.
        line = self.start_shard(sim, 0, 2, "--instance", "b")
        _, whole, by_instance, _ = self.wait_ownership({"alive": 3, "n_doubles": 0, "owned": True})
        wait_until(lambda: self.ownership()[2]["0"]["lines"] == ["b"], "its line")
        self.assertIn("0/2, line with b", self.cli("gateways")[1])
        # Somebody else has all of them.
        other = self.start_shard(sim, 0, 1, "--instance", "x")
        status, whole, _, err = self.wait_ownership({"alive": 4, "mixed": True, "n_doubles": 12})
        self.assertEqual(set(whole["doubles"]), set(symbols))
        self.assertIn("12 symbols have more than one owner", whole["problem"])
        self.assertEqual(status, 0, "twice is not nobody")
        for process in (other, line):
            process.stop()
        # Nobody has them.
        gateways[1].kill()
        status, whole, _, err = self.wait_ownership({"missing": ["1/2"], "owned": False, "alive": 1, "mixed": False,
                                                     "n_orphans": len(parts[1])})
        self.assertEqual(set(whole["orphans"]), parts[1])
        self.assertEqual(status, 3)
        self.assertRegex(err, rf"upbit: shard 1/2 is missing \(last heard \S+ ago as upbit\.1\): {len(parts[1])} symbols "
                              r"have no owner, such as \S+")
        status, (health,), _ = self.cli_json("health")
        self.assertEqual((status, health["exchanges"][0]["missing"], health["exchanges"][0]["orphans"]),
                         (3, 1, len(parts[1])))

        def metrics():
            return urllib.request.urlopen(f"http://{cache.ready['metrics']}/metrics", timeout=30).read().decode()
        wait_until(lambda: f"bookcast_cache_orphans {len(parts[1])}\n" in metrics() and
                   "bookcast_cache_shards_missing 1\n" in metrics(), "both in the metrics")
        status, _, err = self.cli("reshard", "upbit", "2")
        self.assertEqual(status, 2)
        self.assertIn("shard 1/2 of upbit does not run here; start bookcast-gateway --shard 1/2 first", err)

    def test_what_was_said_at_run_time_holds_for_who_comes_later(self):
        """Removed by name and by pattern, added, and added after it was removed: a gateway that was started
        with the configuration alone does not serve what was removed, and serves what was added."""
        sim = self.start_sim("--symbols", "24", "--rate", "200", "--plain")
        symbols = self.symbols_of(sim)
        market = {m: {s for s in symbols if s.startswith(m) and owner("upbit", s, 3) == 2} for m in ("KRW-", "BTC-")}
        removed, back = sorted(market["KRW-"])[0], sorted(market["BTC-"])[0]
        added = sorted(market["KRW-"])[1]
        self.assertTrue(market["BTC-"] - {back}, "the market has been chosen so")
        configured = ",".join(s for s in symbols if s != added)
        for i in range(2):
            self.start_shard(sim, i, 2, symbols=configured)
        watcher = Watcher(self)
        for i in range(2):
            watcher.follow(i)
        for words in (("remove", "upbit", removed), ("remove", "upbit", "BTC-*"), ("add", "upbit", back, added)):
            status, _, err = self.cli("symbols", *words)
            self.assertEqual((status, err), (0, ""))
        wanted = {s for s in symbols if not s.startswith("BTC-")} - {removed} | {back}
        watcher.wait(lambda: watcher.divided(wanted, 2), "what is wanted, of two")
        epochs = set(watcher.lists)
        self.assertEqual(set().union(*watcher.lists.values()), wanted)
        stays = {s for s in wanted if owner("upbit", s, 2) == owner("upbit", s, 3)}
        watcher.messages.clear()

        third = self.start_shard(sim, 2, 3, symbols=configured)
        watcher.follow(2)
        watcher.wait(lambda: len(watcher.lists) == 3 and removed in set().union(*watcher.lists.values()),
                     "the third gateway, which knows its configuration")
        status, _, err = self.cli("reshard", "upbit", "3")
        self.assertEqual((status, err), (0, ""))
        watcher.wait(lambda: watcher.divided(wanted, 3), "what is wanted, of three")
        self.assertEqual(set().union(*watcher.lists.values()), wanted)
        self.assertEqual([bare for bare in watcher.bare if bare[0] in wanted], [])
        self.check_untouched(watcher, stays, epochs)
        self.assertEqual(set(self.ctl(third, "LIST")[1][::3]), {s for s in wanted if owner("upbit", s, 3) == 2})
        status, said = self.ctl(third, "SAID")
        self.assertEqual((status, set(said[0].split())), (200, {f"-{removed}", "-BTC-*", f"+{back}", f"+{added}"}))
        for bad in ("KRW-BTC\n", "+KRW-BTC", "+KRW-BTC\n-\n"):
            self.assertEqual(self.ctl(third, "SAY", bad)[0], 400, bad)

    def test_who_refuses_is_told(self):
        """What was said at run time is told to all first: a gateway that does not take it ends the verb."""
        health = {i: ["200", json.dumps({"shard": f"{i}/2"})] for i in range(2)}
        said = "+KRW-BTC\n-KRW-E*\n"
        for which, verb, reply, says, reshards in (
                (0, "SAID", ["503", "not yet"], "upbit.0 refuses SAID: not yet", 0),
                (1, "SAY", ["400", "too many symbols"], "upbit.1 refuses SAY +KRW-BTC: too many symbols", 0),
                (1, "SAY", ["404"], "upbit.1 refuses SAY +KRW-BTC: status 404, and no reason given", 0),
                (1, "RESHARD", ["400", "no"], "upbit.1 refuses RESHARD 1/2: no", 2),
                (None, None, None, "", 2)):
            played = [Control(self, i, {"HEALTH": health[i], "SAID": ["200", said if i == 0 else ""]})
                      for i in range(2)]
            if which is not None:
                played[which].answers[verb] = reply
            status, _, err = self.cli("reshard", "upbit", "2")
            self.assertEqual((status, err), (1, f"bookcast reshard: {says}\n") if says else (0, ""))
            heard = [words for one in played for words in one.heard]
            self.assertEqual(sum(words[0] == "RESHARD" for words in heard), reshards)
            self.assertEqual(["SAY", said] in heard, verb != "SAID")
            for one in played:
                one.close()

    def test_weights(self):
        """Measured, they divide the load; all gateways divide alike."""
        sim = self.start_sim("--symbols", "12", "--rate", "400", "--plain")
        self.start_cache()
        self.start_shard(sim, 0, 1)
        self.wait_fit(12)
        status, out, err = self.cli("symbols", "weights", "upbit", "--for", "1s")
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith("# upbit: messages a second, measured over 1"))
        rates = [float(line.split()[1]) for line in out.splitlines()[1:]]
        self.assertEqual(len(rates), 12)
        self.assertEqual(rates, sorted(rates, reverse=True))
        self.assertGreater(sum(rates), 0)
        # Measured, but what by its scores is the first one's has twenty times as much to say.
        weights = {symbol: int(rate.replace(".", "")) * (1 if owner("upbit", symbol, 2) else 20)
                   for symbol, rate in (line.split() for line in out.splitlines()[1:])}
        file = self.directory / "weights"
        file.write_text("".join(f"{symbol} {weight // 1000}.{weight % 1000:03}\n" for symbol, weight in weights.items()))
        gateways = [self.start_shard(sim, i, 2, "--shard-weights", file, "--instance", f"w{i}") for i in range(2)]
        wait_until(lambda: sum(len(self.ctl(g, "LIST")[1]) // 3 for g in gateways) == 12, "each symbol once")
        parts = [set(self.ctl(g, "LIST")[1][::3]) for g in gateways]
        self.assertEqual(parts[0] | parts[1], set(self.symbols_of(sim)))
        expected, loads = dealt("upbit", weights, 2)
        self.assertEqual(parts, expected)
        mean = sum(weights.values()) / 2
        self.assertLessEqual(max(loads), max(1.25 * mean + 1, mean + max(weights.values())))
        self.assertNotEqual(parts, [{s for s in weights if owner("upbit", s, 2) == i} for i in range(2)], "as without weights")

    def test_the_new_owner_does_not_come_up(self):
        sim = self.start_sim("--symbols", "8", "--plain")
        gateway = self.start_shard(sim, 0, 1)
        watcher = Watcher(self)
        watcher.follow(0)
        symbols = self.symbols_of(sim)
        watcher.wait(lambda: watcher.divided(symbols, 1), "all of them")
        self.assertEqual(self.ctl(gateway, "RESHARD", "0/2"), (200, []))
        gateway.wait_log("shard.divided")
        # It is there, and has the symbols, but never a book.
        control(sim, "fault", name="mute-connect", n=1000)
        other = self.start_shard(sim, 1, 2, symbols=",".join(symbols))
        wait_until(lambda: len(self.ctl(other, "LIST")[1]) > 0, "that it has them")
        until = time.monotonic() + 4 * LINGER
        watcher.wait(lambda: time.monotonic() > until, "some time")
        self.assertEqual(watcher.bare, [])
        self.assertEqual(len(self.ctl(gateway, "LIST")[1]), 3 * 8)
        status, health = self.ctl(gateway, "HEALTH")
        moving = sum(owner("upbit", s, 2) == 1 for s in symbols)
        self.assertEqual(json.loads(health[0])["symbols_leaving"], moving)
        # Whoever knows better says so.
        self.assertEqual(self.ctl(gateway, "RELEASE"), (200, [str(moving)]))
        self.assertEqual(len(self.ctl(gateway, "LIST")[1]), 3 * (8 - moving))
        self.assertTrue(other.running())

    def test_what_is_wrong_is_said(self):
        sim = self.start_sim("--symbols", "2", "--plain")
        gateway = self.start_shard(sim, 0, 2, symbols="KRW-BTC,KRW-ETH")
        foreign = next(s for s in ("KRW-ETH", "KRW-XRP", "KRW-SOL") if owner("upbit", s, 2) == 1)
        status, (why,) = self.ctl(gateway, "ADD", foreign)
        self.assertEqual(status, 400)
        self.assertIn(f"{foreign} belongs to shard 1/2 of upbit, not to this one, 0/2", why)
        for words, part in ((["RESHARD", "2/2"], "0/2 to 1/2"), (["RESHARD"], "such as 0/3"),
                            (["RETIRE", "x"], "how many shards"), (["WANT"], "one symbol")):
            status, (why,) = self.ctl(gateway, *words)
            self.assertEqual(status, 400, words)
            self.assertIn(part, why)
        status, _, err = self.run_program("bookcast-gateway", "--exchange", "upbit", "--symbols", "*",
                                          "--shard", "3/3")
        self.assertEqual(status, 1)
        self.assertIn("--shard: shard: '3/3': shards count from 0: of 3 there are 0/3 to 2/3", err)
        weights = self.directory / "weights"
        weights.write_text("KRW-BTC 5\nKRW-BTC 6\n")
        status, _, err = self.run_program("bookcast-gateway", "--exchange", "upbit", "--symbols", "*",
                                          "--shard-weights", weights)
        self.assertEqual(status, 1)
        self.assertIn("line 2: 'KRW-BTC 6': this symbol has a weight already", err)


if __name__ == "__main__":
    bookcast_test.main(together=3)
