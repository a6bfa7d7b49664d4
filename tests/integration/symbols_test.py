"""Symbols come and go while a gateway runs: by hand, by its configuration, and as the exchange lists
them. Those that stay see no pause, no reconnect, and no hole."""
import json
import signal
import time

import bookcast_test
from bookcast_test import FIT, ask, control, wait_until


class SymbolsTest(bookcast_test.Case):
    def ctl(self, gateway, *words):
        reply = ask(self.context, gateway.ready["ctl"], ["BC1", *words])
        return int(reply[1]), [f.decode() for f in reply[2:]]

    def states(self, gateway):
        status, frames = self.ctl(gateway, "LIST")
        self.assertEqual(status, 200)
        return dict(zip(frames[::3], frames[1::3]))

    def wait_states(self, gateway, expected):
        """expected: by symbol what its state must be; nothing else may be followed."""
        last = {}

        def as_expected():
            last.clear()
            last.update({s: "fit" if state in FIT else state for s, state in self.states(gateway).items()})
            return last == expected
        wait_until(as_expected, lambda: f"{expected}; last: {last}")

    def untouched(self, heard, symbols, gateway, connects=1):
        """Nothing happened to them: fit all the time, every number once, on the same connection."""
        heard.drain()
        own = [m for m in heard.heard if m.topic.split(".")[1] in symbols]
        self.assertEqual({m.topic.split(".")[1] for m in own}, set(symbols))
        self.assertEqual({m.state for m in own} - FIT, set())
        self.assertEqual(bookcast_test.holes(own), [])
        self.assertEqual(len({m.epoch for m in own}), 1)
        self.assertEqual(gateway.err.count("event=ws.opened"), connects, gateway.err)
        for event in ("ws.closed", "ws.given-up"):
            self.assertNotIn(event, gateway.err)

    def hear(self, *symbols):
        heard = self.subscribe("upbit.")
        for symbol in symbols:
            heard.wait(lambda m: m.topic == f"upbit.{symbol}.book" and m.state in FIT, f"{symbol} is fit")
        heard.forget()
        return heard

    def pass_time(self, heard, symbol, n=20):
        """Until so many more messages of a symbol have come."""
        heard.drain()
        before = sum(m.topic == f"upbit.{symbol}.book" for m in heard.heard)
        wait_until(lambda: heard.socket.poll(10) is not None and heard.drain() is not None and
                   sum(m.topic == f"upbit.{symbol}.book" for m in heard.heard) >= before + n,
                   f"{n} more books of {symbol}")

    def test_by_hand(self):
        sim = self.start_sim("--symbols", "8", "--rate", "400", "--plain")
        names = sorted(t["symbol"] for t in bookcast_test.true_states(sim))
        stays, comes, listed = names[0], names[1], names[2]
        gateway = self.start_gateway(sim, symbols=f"{stays},{listed}")
        heard = self.hear(stays, listed)
        status, out, err = self.cli("symbols", "add", "upbit", comes, stays)
        self.assertEqual((status, out, err),
                         (0, f"added {comes} to upbit.0\nupbit.0 follows {stays} already\n", ""))
        self.wait_states(gateway, {stays: "fit", comes: "fit", listed: "fit"})
        status, rows, _ = self.cli_json("symbols", "list", "upbit")
        self.assertEqual(status, 0)
        self.assertEqual([(r["symbol"], r["configured"], r["instance"], r["shard"], r["leaving"]) for r in rows],
                         [(stays, True, "0", "0/1", False), (comes, False, "0", "0/1", False),
                          (listed, True, "0", "0/1", False)])
        self.assertEqual({r["exchange"] for r in rows}, {"upbit"})
        status, out, _ = self.cli("symbols", "list", "upbit", comes[:5] + "*")
        self.assertEqual(status, 0)
        self.assertRegex(out, rf"(?m)^{comes} +(live|quiet) +none .* 0 +0/1 +added *$")
        status, out, err = self.cli("symbols", "list", "upbit", stays, "KRW-NOSUCH")
        self.assertEqual((status, err), (2, "bookcast symbols: nobody of upbit follows 'KRW-NOSUCH'\n"))
        self.assertIn(stays, out)
        self.pass_time(heard, stays)
        status, out, err = self.cli("symbols", "remove", "upbit", comes)
        self.assertEqual((status, out, err), (0, f"removed {comes} from upbit.0\n", ""))
        self.wait_states(gateway, {stays: "fit", listed: "fit"})
        self.assertEqual(self.cli("symbols", "remove", "upbit", comes)[::2],
                         (2, f"bookcast symbols: nobody of upbit follows '{comes}'\n"))
        self.pass_time(heard, stays)
        self.untouched(heard, [stays, listed], gateway)

    def test_what_is_wrong_is_said(self):
        sim = self.start_sim("--symbols", "4", "--plain")
        self.start_gateway(sim, symbols="KRW-BTC")
        for words, code, part in (
                (["add", "upbit", "krw-btc"], 1, "'krw-btc': "),
                (["add", "upbit"], 1, "names no symbol, for example"),
                (["frob", "upbit"], 1, "there are add, remove, list, weights"),
                (["list", "upbit", "--for", "3s"], 1, "--for: is for weights, not for list"),
                (["add", "upbit", "KRW-BTC", "--for", "3s"], 1, "--for: is for weights, not for add"),
                (["weights", "upbit", "KRW-BTC"], 1, "'KRW-BTC': one argument too many; weights takes EXCHANGE"),
                (["add"], 1, "needs add|remove|list|weights EXCHANGE"),
                (["add", "bithumb", "KRW-BTC"], 2, "no gateway of 'bithumb' runs here"),
                (["list", "upbit", "X*"], 2, "nobody of upbit follows 'X*'")):
            status, _, err = self.cli("symbols", *words)
            self.assertEqual(status, code, err)
            self.assertIn(part, err)

    def test_a_symbol_finds_its_shard(self):
        sim = self.start_sim("--symbols", "12", "--rate", "200", "--plain")
        names = sorted(t["symbol"] for t in bookcast_test.true_states(sim))
        first = self.start_gateway(sim, "--shard", "0/2", symbols=names[0])
        status, out, err = self.cli("symbols", "add", "upbit", *names)
        self.assertEqual(status, 2)
        self.assertRegex(err, r"'\S+' belongs to shard 1/2 of upbit, and no gateway of that shard runs here")
        mine = set(self.states(first))
        self.assertTrue(0 < len(mine) < len(names))
        second = self.start_gateway(sim, "--shard", "1/2", symbols=names[0])
        status, out, err = self.cli("symbols", "add", "upbit", *names)
        self.assertEqual((status, err), (0, ""))
        theirs = set(self.states(second))
        self.assertEqual(mine | theirs, set(names))
        self.assertEqual(mine & theirs, set())
        for symbol in theirs - {names[0]}:
            self.assertIn(f"added {symbol} to upbit.1\n", out)
        for symbol in mine - {names[0]}:
            self.assertIn(f"upbit.0 follows {symbol} already\n", out)
        # A pattern is everybody's.
        status, out, err = self.cli("symbols", "remove", "upbit", "*")
        self.assertEqual(status, 0, err)
        self.assertEqual((self.states(first), self.states(second)), ({}, {}))
        status, rows, _ = self.cli_json("symbols", "add", "upbit", "*")
        self.assertEqual((status, [r["done"] for r in rows]), (0, ["added", "added"]))
        wait_until(lambda: len(self.states(first)) + len(self.states(second)) == len(names), "all of them again")

    def test_what_was_added_moves_too(self):
        sim = self.start_sim("--symbols", "12", "--rate", "200", "--plain")
        names = sorted(t["symbol"] for t in bookcast_test.true_states(sim))

        def start(shard):
            return self.start_gateway(sim, "--shard", shard, "--shard-linger", "100ms", symbols=names[0])
        gateways = [start("0/2"), start("1/2")]
        self.assertEqual(self.cli("symbols", "add", "upbit", *names[1:])[0], 0)
        gateways.append(start("2/3"))  # has heard of none of them
        self.assertEqual(self.cli("reshard", "upbit", "3")[0], 0)

        def parts():
            return [set(self.states(g)) for g in gateways]
        wait_until(lambda: sorted(s for part in parts() for s in part) == names, "each of them once")
        self.assertTrue(parts()[2] - {names[0]}, "the market has been chosen so")

    # -------------------------------------------------------------- the configuration

    def test_by_the_configuration(self):
        sim = self.start_sim("--symbols", "8", "--rate", "400", "--plain")
        names = sorted(t["symbol"] for t in bookcast_test.true_states(sim))
        stays, goes, comes, hand = names[:4]
        config = self.directory / "upbit.yaml"

        def write(symbols, more=""):
            config.write_text(f"exchange: upbit\nws_url: {sim.ready['ws']}\nrest_url: {sim.ready['rest']}\n"
                              f"symbols: [{', '.join(symbols)}]\n{more}")
        write([stays, goes])
        gateway = self.start("bookcast-gateway", "--config", config, "--heartbeat", "200ms")
        heard = self.hear(stays, goes)
        self.assertEqual(self.ctl(gateway, "ADD", hand), (200, []))
        self.wait_states(gateway, {stays: "fit", goes: "fit", hand: "fit"})

        def reload(says):
            gateway.process.send_signal(signal.SIGHUP)
            wait_until(lambda: says in gateway.err, lambda: f"{says}: {gateway.err}")

        # With an error in it, everything stays: also what is right in it.
        write([stays, comes], "book.levels: 9999\nlog.level: debug\n")
        reload(f"{config}:5: book.levels: '9999': must be from 1 to 1000")
        gateway.wait_log("config.refused")
        self.assertNotIn("level=debug", gateway.err)
        self.wait_states(gateway, {stays: "fit", goes: "fit", hand: "fit"})
        write([stays, "krw-btc"])
        reload(f"{config}:4: symbols: 'krw-btc'")

        # What may change does; what may not is named.
        write([stays, comes], "book.levels: 5\nlog.level: debug\n")
        reload("event=config.reloaded")
        self.wait_states(gateway, {stays: "fit", comes: "fit", hand: "fit"})
        gateway.wait_log(r"config.needs-restart key=book.levels running=30 written=5")
        self.assertEqual(gateway.err.count("config.needs-restart"), 1)
        wait_until(lambda: "level=debug" in gateway.err, "a debug line")

        # The same again is nothing; a new shard is taken over, too.
        heard.drain()
        version = [m.body[1] for m in heard.heard if m.topic == "upbit.@0.state"][-1]
        gateway.process.send_signal(signal.SIGHUP)
        self.pass_time(heard, stays)
        self.assertEqual({m.body[1] for m in heard.heard if m.topic == "upbit.@0.state"
                          if m.body[1] > version}, set())
        self.untouched(heard, [stays], gateway)
        write([stays, comes], "shard: 0/2\nlog.level: debug\n")
        reload("event=shard.divided")
        self.assertEqual(json.loads(self.ctl(gateway, "HEALTH")[1][0])["shard"], "0/2")
        self.assertEqual(set(self.states(gateway)), {stays, comes, hand}, "until somebody else has them")

    # -------------------------------------------------------------- what the exchange lists

    def test_by_the_exchange(self):
        sim = self.start_sim("--symbols", "8", "--rate", "400", "--plain")
        names = sorted(t["symbol"] for t in bookcast_test.true_states(sim))
        new, gone, rest = names[0], names[1], [n for n in names[2:] if n.isascii()]
        control(sim, "fault", name="delist", symbol=new)
        gateway = self.start_gateway(sim, "--listing-every", "1s", "--quiet-after", "1s", symbols="*")
        heard = self.hear(*rest, gone)
        everybody = {n: "fit" for n in names[1:]}
        self.wait_states(gateway, everybody)
        control(sim, "fault", name="list", symbol=new)
        self.wait_states(gateway, everybody | {new: "fit"})
        self.pass_time(heard, rest[0])
        control(sim, "fault", name="delist", symbol=gone)
        self.wait_states(gateway, everybody | {new: "fit", gone: "halted"})
        heard.wait(lambda m: m.topic == f"upbit.{gone}.state" and (m.state, m.reason) == ("halted", "delisted"),
                   "its state message")
        self.pass_time(heard, rest[0])
        self.untouched(heard, rest, gateway)


if __name__ == "__main__":
    bookcast_test.main(together=3)
