"""The newest messages in shared memory: bookcast_latest() and bookcast_state() say the same out of the
gateway's memory and of the cache, notice a gateway that is gone, and ask the cache for what memory does
not have."""
import stat
import subprocess

import bookcast_test
from bookcast_test import BIN, HEARTBEAT, control, wait_until

N = 6
CHANNELS = ("book", "bbo", "trade", "ticker", "candle-1m", "instrument", "state")
CLOSE_NS = 2_000_000_000  # ages are measured at two ends, one of them under sanitizers


class Probe:
    """tests/support/latest_probe.c, asked one line at a time."""

    def __init__(self, case, endpoint, memory=True):
        environment = {**case.environment, **({} if memory else {"BOOKCAST_LATEST": "off"})}
        self.process = subprocess.Popen([BIN / "latest_probe", endpoint], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=environment)
        case.addCleanup(self.close)
        self.process.stdout.readline()

    def ask(self, symbol, channel, exchange="upbit"):
        self.process.stdin.write(f"{exchange} {symbol} {channel}\n")
        self.process.stdin.flush()
        return Said(self.process.stdout.readline().split())

    def close(self):
        self.process.stdin.close()
        self.process.wait(bookcast_test.DEADLINE)
        self.process.stdout.close()


class Said:
    def __init__(self, fields):
        self.result = int(fields[0])
        self.source = fields[1]
        if self.result != 0:
            return
        self.state, self.reason = fields[2], fields[3]
        self.word = fields[2:5]
        self.message = fields[5:-7]
        self.epoch = int(fields[5])
        self.condition = fields[-7:-3]
        self.age, self.proven, self.n_memory = (int(x) for x in fields[-3:])


class LatestTest(bookcast_test.Case):
    def setUp(self):
        super().setUp()
        self.sim = self.start_sim("--plain", "--symbols", N, "--rate", 300)
        self.endpoint = f"ipc://{self.run_dir}/cache.rpc"
        self.file = self.run_dir / "upbit.0.latest"

    def gateway_with(self, *arguments):
        return self.start_gateway(self.sim, "--channels", "book,bbo,trade,ticker,candle-1m", *arguments)

    def ctl(self, *frames):
        return bookcast_test.ask(self.context, f"ipc://{self.run_dir}/upbit.0.ctl", ["BC1", *frames])

    def wait_from(self, probe, source, symbol="KRW-BTC", channel="book", state=None):
        last = []

        def found():
            last[:] = [probe.ask(symbol, channel)]
            said = last[0]
            return said.source == source and (state is None or (said.state, said.reason) == state) and said
        return wait_until(found, lambda: f"{symbol} {channel} from {source} {state}: {vars(last[0])}")

    def test_the_same_answers(self):
        self.start_cache()
        self.gateway_with()
        self.wait_fit(N)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o640)
        memory, cache = Probe(self, self.endpoint), Probe(self, self.endpoint, memory=False)
        symbols = list(self.cached("upbit."))
        self.assertEqual(len(symbols), N)
        for symbol in symbols:  # each has said everything
            for channel in CHANNELS:
                wait_until(lambda s=symbol, c=channel: cache.ask(s, c).result == 0, f"{symbol} {channel}")
        control(self.sim, "pause")
        # The pause has reached the cache when it and memory stand still at the same message.
        for symbol in symbols:
            for channel in CHANNELS:
                last = []

                def agreed(s=symbol, c=channel):
                    last[:] = memory.ask(s, c), cache.ask(s, c)
                    here, there = last
                    return (here.result, there.result, here.source, there.source) == (0, 0, "memory", "cache") and \
                        (here.message, here.word, here.condition) == (there.message, there.word, there.condition) and \
                        abs(here.age - there.age) < CLOSE_NS and abs(here.proven - there.proven) < CLOSE_NS
                wait_until(agreed, lambda: f"one answer about {symbol} {channel}: {[vars(x) for x in last]}")
        for topic in ("KRW-BTC", "candle-1s"), ("KRW-NONE", "book"):
            wait_until(lambda t=topic: memory.ask(*t).result == cache.ask(*t).result, f"one answer about {topic}")
        # A symbol that is removed is down in the cache, and gone from memory.
        self.assertEqual(self.ctl("REMOVE", symbols[0]), [b"BC1", b"200"])
        said = self.wait_from(memory, "cache", symbols[0], state=("down", "delisted"))
        self.assertEqual(said.message, cache.ask(symbols[0], "book").message)
        self.assertEqual(self.wait_from(memory, "memory", symbols[1]).state, memory.ask(symbols[1], "bbo").state)

    def test_without_a_cache(self):
        gateway = self.gateway_with("--latest", "all")
        probe = Probe(self, self.endpoint)
        first = self.wait_from(probe, "memory", state=("live", "none"))
        self.assertEqual(wait_until(lambda: (said := probe.ask("KRW-BTC", "state")).result == 0 and said,
                                    "its state").state, "live")
        # A file that somebody else may write, or that is cut short, is not believed.
        self.file.chmod(0o660)
        self.assertEqual(Probe(self, self.endpoint).ask("KRW-BTC", "book").result, -5)
        self.file.chmod(0o640)
        self.assertEqual(Probe(self, self.endpoint).ask("KRW-BTC", "book").source, "memory")

        # kill -9: fit for three heartbeats, then stale, out of memory since nobody else answers.
        gateway.kill()
        self.assertTrue(self.file.exists())
        said = self.wait_from(probe, "memory", state=("stale", "gateway"))
        self.assertEqual(said.epoch, first.epoch)
        self.assertGreaterEqual(said.proven, 3 * HEARTBEAT * 1e9)

        # Its successor: the old file says that it is superseded, so nobody waits for heartbeats.
        gateway = self.gateway_with("--latest", "all")
        second = self.wait_from(probe, "memory", state=("live", "none"))
        self.assertGreater(second.epoch, first.epoch)
        gateway.stop()
        self.assertFalse(self.file.exists())
        self.assertEqual(probe.ask("KRW-BTC", "book").result, -5, "it has said goodbye, and nobody else answers")

    def test_what_nobody_listens_to(self):
        self.gateway_with()
        probe = Probe(self, self.endpoint)
        self.subscribe("upbit.KRW-BTC.book\0")
        self.wait_from(probe, "memory", state=("live", "none"))
        self.assertEqual(probe.ask("KRW-BTC", "bbo").result, -5, "was not encoded, and there is no cache")
        cache = self.start_cache()  # now somebody listens to all
        self.wait_from(probe, "memory", channel="bbo")
        cache.stop()

    def test_off(self):
        self.gateway_with("--latest", "off")
        self.start_cache()
        self.wait_fit(N)
        probe = Probe(self, self.endpoint)
        said = probe.ask("KRW-BTC", "book")
        self.assertEqual((said.source, said.n_memory), ("cache", 0))
        self.assertFalse(self.file.exists())


if __name__ == "__main__":
    bookcast_test.main(together=3)
