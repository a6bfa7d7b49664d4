"""States as data: every message and every answer of the cache says the state, why, and since when; every
change is a message on the symbol's state topic; and a feed that is frozen behind an open connection, its pings
answered, is stale (no-data) for everybody."""
import subprocess
import time

import bookcast_test
from bookcast_test import FIT, Process, control, wait_until

N = 3
SILENT_AFTER = 1.0
SLACK = 6  # for a busy machine under sanitizers
REASONED = {"stale", "halted"}


class StatesTest(bookcast_test.Case):
    def setUp(self):
        super().setUp()
        self.sim = self.start_sim("--plain", "--symbols", N, "--rate", 60)
        self.gateway = self.start_gateway(self.sim, "--silent-after", f"{SILENT_AFTER * 1000:.0f}ms")
        self.everything = self.subscribe("upbit.")
        self.start_cache()
        self.wait_fit(N)
        self.symbols = sorted(s["symbol"] for s in bookcast_test.true_states(self.sim))

    def answers(self, symbol):
        """(state, reason, since) of a book as each kind of question answers; GET and MATCH say the state alone."""
        topic = f"upbit.{symbol}.book"
        state = [f.decode() for f in self.ask_cache("BC1", "STATE", topic)[2:]]
        latest = self.ask_cache("BC1", "LATEST", topic)[2].split(b"\n", 1)[0].decode().split()
        got = self.ask_cache("BC1", "GET", topic)[3].decode()
        self.assertEqual((got, state[1]), (self.cached("upbit.")[symbol].state,) * 2)
        self.assertEqual(state[1:4], latest[1:4])
        return tuple(state[1:4])

    def check_all(self, heard):
        """What must hold of everything that was published."""
        said, told = {}, {}
        for m in heard:
            self.assertIn(m.state, bookcast_test.STATES.values())
            self.assertIn(m.reason, bookcast_test.REASONS.values())
            self.assertGreater(m.since, 0)
            self.assertLessEqual(m.since, m.ts_publish, f"{m}: it began before it was said")
            if m.state in FIT:
                self.assertEqual(m.reason, "none", m)
            if m.state in REASONED:
                self.assertNotEqual(m.reason, "none", m)
            symbol = m.topic.split(".", 1)[1].rsplit(".", 1)[0]
            if symbol[0] == "@" or "welcome" in m.flags:
                continue
            told.setdefault(symbol, set()).add((m.state, m.reason, m.since))
            if m.channel == "state":
                said.setdefault(symbol, []).append(m)
        for symbol, messages in said.items():
            for before, m in zip(messages, messages[1:]):
                self.assertEqual(bookcast_test.STATES[m.body[0]], before.state, f"{symbol}: what it was before")
                self.assertGreaterEqual(m.since, before.since)
            first = messages[0].since
            changes = {(m.state, m.reason, m.since) for m in messages}
            self.assertEqual({c for c in told[symbol] if c[2] >= first} - changes, set(),
                             f"{symbol}: every change is a message of its own")
        return said

    def test_a_frozen_feed(self):
        probe = Process([bookcast_test.BIN / "stream_probe", f"ipc://{self.run_dir}/cache.rpc",
                         f"upbit/{self.symbols[0]}/book"], self.directory, self.environment, len(self.processes),
                        stdin=subprocess.PIPE)
        self.processes.append(probe)
        probe.wait_ready()
        wait_until(lambda: '"source":0' in probe.out, "a book at the subscriber")
        control(self.sim, "fault", name="mute", n=1)  # the next connection; else it may be over before it is asked for
        control(self.sim, "fault", name="stall", **{"for": 20})
        frozen = time.monotonic()
        stale = [self.everything.wait(lambda m, s=s: m.topic == f"upbit.{s}.{c}" and m.state == "stale", f"{s}: stale")
                 for s in self.symbols for c in ("state", "book")]
        for m in stale:
            self.assertEqual(m.reason, "no-data")
            self.assertLess(m.arrived - frozen, SILENT_AFTER + SLACK)
        since = {m.topic.split(".")[1]: m.since for m in stale}
        for symbol in self.symbols:
            wanted = ("stale", "no-data", str(since[symbol]))
            wait_until(lambda: self.answers(symbol) == wanted,
                       lambda: f"{wanted} of {symbol}, last: {self.answers(symbol)}")
        wait_until(lambda: '"state":"stale","reason":"no-data"' in probe.out, "it at the subscriber")
        self.assertIn('"fit":0', probe.out)
        control(self.sim, "fault", name="clear")
        for symbol in self.symbols:
            self.everything.wait(lambda m, s=symbol: m.topic == f"upbit.{s}.book" and m.state in FIT and
                                 m.since > since[s], f"{symbol} fit again")
        said = self.check_all(self.everything.heard)
        self.assertEqual(set(said), set(self.symbols))
        self.assertEqual(bookcast_test.holes(self.everything.heard), [])
        probe.process.stdin.close()
        self.assertEqual(probe.wait_exit(), 0)


if __name__ == "__main__":
    bookcast_test.main()
