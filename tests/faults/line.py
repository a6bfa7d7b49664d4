"""A simulated exchange, a gateway, the cache and a subscriber that checks all it hears: what every fault is done to."""
import json
import mmap
import os
import select
import signal
import struct
import subprocess
import sys
import time

import binance_line
import bookcast_test
import oracle
import zmq
from bookcast_test import FIT, HEARTBEAT, control, wait_until

N = 5
SLACK = 10.0  # seconds a busy machine under sanitizers may add to what is promised in heartbeats
CHAOS = bookcast_test.SOURCE / "tests" / "support" / "chaos_proxy.py"
SHIFTED = bookcast_test.BIN.parent / "lib" / "libshifted_clock.so"

# Silence is told from life within five heartbeats.
GATEWAY = ("--silent-after", f"{5 * HEARTBEAT * 1000:.0f}ms", "--quiet-after", "2s", "--first-data-after", "3s",
           "--levels", binance_line.LEVELS, "--history-trades", "0", "--history-candles", "0")


class Chaos:
    """chaos_proxy.py before an exchange."""

    def __init__(self, case, sim):
        address = sim.ready["rest"].split("//")[1].replace("localhost", "127.0.0.1")
        self.process = subprocess.Popen([sys.executable, "-B", CHAOS, address], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, preexec_fn=bookcast_test._die_with_parent)
        case.addCleanup(self.end)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def set(self, **settings):
        self.process.stdin.write(json.dumps(settings) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], bookcast_test.DEADLINE)[0]:
            raise AssertionError("the chaos proxy does not answer")
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(bookcast_test.DEADLINE)


class ShiftedClock:
    """Clocks of the processes that are started with `environment`."""

    def __init__(self, path):
        path.write_bytes(bytes(16))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 16)
        self.environment = {"LD_PRELOAD": str(SHIFTED), "SHIFTED_CLOCK": str(path), **bookcast_test.PRELOADED}

    def set(self, wall_s=0, boot_s=0):
        self.map[:] = struct.pack("qq", int(wall_s * 1e9), int(boot_s * 1e9))


class FaultLine(binance_line.Line, bookcast_test.Case):
    """One case of cases.py; what was seen is in self.seen."""

    def setUp(self):
        super().setUp()
        self.seen, self.lives, self.samples = {}, [], []
        self.unfit_at, self.reasons, self.now_fit = {}, set(), {}
        self.whole_at = None  # since when all are fit
        self.chaos = self.far = self.clock = None
        self.how_gateway, self.feed, self.more_gateway, self.more_sim = {}, None, (), ()
        self.bus_endpoint, self.cache_flags = None, ()
        self.gateways, self.gateway_flags = [], [()]  # flags: one entry a gateway
        self.gone = set()  # for good
        self.theirs = set()  # symbols a case has found out to be concerned

    # -------------------------------------------------------------- starting

    def begin_case(self, case, transport):
        self.case, self.exchange, self.n = case, case.exchange, N
        self.canary = "KRW-BTC" if self.exchange == "upbit" else "BTCUSDT"
        self.one = "KRW-ETH" if self.exchange == "upbit" else "ETHUSDT"
        self.more_gateway = ("--transport", transport)
        if case.before is not None:
            case.before(self)
        self.begin_sim()
        if case.chaos:
            self.chaos = Chaos(self, self.sim)
        for flags in self.gateway_flags:
            self.gateways.append(self.begin_gateway(*flags))
        self.gateway = self.gateways[0]
        self.begin_cache()
        self.heard = self.subscribe(f"{self.exchange}.", endpoint=self.bus_endpoint or
                                    self.gateway.ready["endpoints"][0])
        for other in self.gateways[1:]:
            self.heard.socket.connect(other.ready["endpoints"][0])
        self.heard.wait(lambda m: m.channel == "heartbeat", "a heartbeat")
        self.wait_live()

    def begin_sim(self, *more):
        path = self.directory / f"truth.{len(self.lives)}"
        self.lives.append(path)
        plain = () if self.case.tls else ("--plain",)
        self.sim = self.start_sim(*plain, "--symbols", N, "--rate", 150, "--truth-log", path, *self.case.sim,
                                  *self.more_sim, *more)

    def sim_again(self):
        """The same market from its beginning, at the same door."""
        port = self.sim.ready["rest"].rsplit(":", 1)[1]
        self.begin_sim("--listen", f"127.0.0.1:{port}")

    def begin_gateway(self, *flags, **how):
        if self.chaos is not None:  # what stands before the exchange has its name
            for key in "ws", "rest":
                scheme, rest = self.sim.ready[key].split("://")
                self.sim.ready.setdefault("own_" + key, self.sim.ready[key])
                self.sim.ready[key] = f"{scheme}://{rest.rsplit(':', 1)[0]}:{self.chaos.port}"
        if self.feed is not None:
            self.sim.ready |= self.feed
        self.gateway = self.start_gateway(self.sim, *GATEWAY, *self.case.gateway, *self.more_gateway, *flags,
                                          **{**self.how_gateway, **how})
        for key in "ws", "rest":  # /control and /truth are asked without what stands between
            self.sim.ready[key] = self.sim.ready.get("own_" + key, self.sim.ready[key])
        return self.gateway

    def begin_cache(self):
        self.cache = self.start_cache(*self.cache_flags)

    def signal(self, process, number):
        process.process.send_signal(number)

    def stop_for(self, process, seconds):
        self.signal(process, signal.SIGSTOP)
        self.watch(lambda: False, seconds)
        self.signal(process, signal.SIGCONT)

    # -------------------------------------------------------------- watching

    def sample(self):
        """What the cache says of every book; nothing where it does not answer."""
        socket = self.context.socket(zmq.REQ)
        try:
            socket.linger = 0
            socket.connect(f"ipc://{self.run_dir}/cache.rpc")
            socket.send_multipart([b"BC1", b"MATCH", f"{self.exchange}.".encode()])
            reply = socket.recv_multipart() if socket.poll(300) else []
        finally:
            socket.close()
        states = {}
        for i in range(2, len(reply), 6):
            topic, status, state, _, _, payload = reply[i:i + 6]
            if status == b"200" and topic.endswith(b".book"):
                message = bookcast_test.decode(topic + b"\0" + payload)
                states[oracle.split(message.topic)[0]] = state.decode()
                if state.decode() in FIT:
                    self.samples.append(message._replace(state=state.decode()))
                    continue
                self.reasons.add(message.reason if message.state == state.decode() else self.reason_of(topic))
        return states

    def reason_of(self, topic):
        """The cache's, where it knows better than the message it keeps."""
        reply = self.ask_cache("BC1", "STATE", topic)
        return reply[4].decode() if len(reply) > 4 else "none"

    def look(self):
        self.heard.socket.poll(10)
        now = time.monotonic()
        for m in self.heard.drain():
            if m.channel == "book" and "@" not in m.topic:
                symbol = oracle.split(m.topic)[0]
                if m.state not in FIT:
                    self.unfit_at.setdefault(symbol, now)
                    self.reasons.add(m.reason)
                self.now_fit[symbol, "bus"] = m.state in FIT
        states = self.sample() if self.cache.running() else {}
        for symbol in {s for s, _ in self.now_fit} | set(states):
            fit = states.get(symbol) in FIT
            if not fit and self.case.cache_counts:
                self.unfit_at.setdefault(symbol, time.monotonic())
            self.now_fit[symbol, "cache"] = fit
        if not self.all_fit():
            self.whole_at = None
        elif self.whole_at is None:
            self.whole_at = time.monotonic()

    def watch(self, until, seconds):
        """Looks until it is so; how long it took, None if it never was."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            self.look()
            if until():
                return time.monotonic() - began
        return None

    def all_fit(self):
        fit = [f for (symbol, _), f in self.now_fit.items() if symbol not in self.gone]
        return len(fit) == 2 * (N - len(self.gone)) and all(fit)

    def affected(self):
        symbols = {s for s, _ in self.now_fit}
        return {"all": symbols, "one": {self.one}, "gone": {self.one}, "none": set(), "some": set(),
                "theirs": self.theirs}[self.case.affected]

    # -------------------------------------------------------------- one case

    def run_case(self, case, transport):
        self.begin_case(case, transport)
        self.watch(self.all_fit, bookcast_test.DEADLINE)
        self.assertTrue(self.all_fit(), self.now_fit)
        self.count_from_now()
        case.inject(self)
        if case.stale_h is not None:
            bound = case.stale_h * HEARTBEAT + SLACK
            self.watch(lambda: self.affected() <= set(self.unfit_at), bound)
            self.assertLessEqual(self.affected(), set(self.unfit_at), f"not marked within {bound:g} s; seen {self.reasons}")
        healed = time.monotonic()
        if case.heal is not None:
            case.heal(self)
            healed = time.monotonic()
        elif case.stale_h is None:  # what was asked for must have happened
            self.watch(lambda: False, 2 * HEARTBEAT)
        if case.affected == "gone":
            self.gone = {self.one}
        self.wait_whole(healed)
        self.judge(case)

    def count_from_now(self):
        """The fault is done now: nobody is marked so far."""
        self.unfit_at, self.reasons = {}, set()
        self.began = time.monotonic()

    def wait_whole(self, healed):
        bound = self.case.whole_h * HEARTBEAT + SLACK
        took = self.watch(self.all_fit, bound)
        self.assertIsNotNone(took, f"not whole within {bound:g} s; {self.now_fit} {self.reasons}")
        if self.unfit_at:
            last = max((at for symbol, at in self.unfit_at.items()
                        if symbol in self.affected() or self.case.affected == "some"), default=self.began)
            self.seen["stale_h"] = max(0.0, last - self.began) / HEARTBEAT
            self.seen["whole_h"] = max(0.0, self.whole_at - healed) / HEARTBEAT

    def judge(self, case):
        if case.check is not None:
            case.check(self)
        self.look()
        untouched = set(self.unfit_at) - self.affected()
        if case.affected != "some":
            self.assertEqual(untouched, set(), f"these were not concerned; {self.reasons}")
        if case.reasons is not None:
            self.assertLessEqual(self.reasons, set(case.reasons) | {"none"})
        if case.affected != "gone" and case.paused:
            self.assert_true_in_a_pause()
        if not case.bus_loses:
            self.assertEqual(bookcast_test.holes(self.heard.heard), [])
        wait_until(lambda: all(p.stat().st_size for p in self.lives), "the reference")
        messages = [m for m in self.heard.heard if "@" not in m.topic] + self.samples
        references = [oracle.Reference(path) for path in self.lives]
        lies, judged = oracle.judge(messages, references, case.lag_s)
        self.assertEqual(lies[:5], [], f"{len(lies)} of {judged} messages lie")
        self.assertGreater(judged, 20)
        self.seen |= {"judged": judged, "reasons": sorted(self.reasons - {"none"})}

    def assert_true_in_a_pause(self):
        """While the market stands still every cached book is the newest one; not for so long that silence is told."""
        why = {}

        def all_true():
            books = self.cached(f"{self.exchange}.")
            why.clear()
            why.update({s: d for s, a in books.items() if (d := self.difference(s, a)) is not None})
            return len(books) == N and not why
        for _ in range(5):
            self.watch(self.all_fit, bookcast_test.DEADLINE)
            control(self.sim, "pause")
            end = time.monotonic() + 3 * HEARTBEAT
            while not (good := all_true()) and time.monotonic() < end:
                pass
            control(self.sim, "resume")
            if good:
                return
        self.fail(f"not every cached book is true: {why}")

    def difference(self, symbol, answer):
        if self.exchange != "upbit":
            return super().difference(symbol, answer)
        true = bookcast_test.truth(self.sim, symbol)  # its books have no numbers: another one may just be older
        levels = tuple(side[:binance_line.LEVELS] for side in true)
        return None if answer.state in FIT and answer.message.body == levels else f"{answer.state} {answer.message.reason}"

    # -------------------------------------------------------------- what cases do

    def shifted_clock(self):
        return ShiftedClock(self.directory / "clock")

    def status(self):
        return control(self.sim, "status")

    def descriptors(self, process):
        return len(os.listdir(f"/proc/{process.pid}/fd"))
