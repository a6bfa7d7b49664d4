"""Subscribers that are too slow, stopped, or greedy: the gateway's memory stays what it is, the others
lose nothing, and who is slow is told of every message: published = received + lost + conflated, by the
numbers the gateway gave."""
import json
import os
import re
import select
import signal
import subprocess
import sys
import time

import bookcast_test
from bookcast_test import BIN, DEADLINE, LEAN, LONG, control, wait_until

N, RATE = 3, 1000
CHANNELS = ("book", "bbo", "ticker", "trade")
HWM = 2000  # more than two seconds of them: who is well is not kept from reading for so long
GROWTH_KIB = 24 << 10

FIELDS = ("first last state n told_lost told_replaced told_unfit broken behind "
          "published received lost conflated redundant waiting").split()


class Heard:
    """A line of tests/support/slow_probe.c."""

    def __init__(self, words):
        for name, word in zip(FIELDS, words, strict=True):
            setattr(self, name, word if name == "state" else int(word))


class Probe:
    """A subscriber on libbookcast, as slow as it is told."""

    def __init__(self, case, policy, topics):
        self.case, self.topics = case, topics
        self.process = subprocess.Popen([BIN / "slow_probe", f"ipc://{case.run_dir}/cache.rpc", policy, *topics],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=case.environment)
        self.rest = b""
        case.addCleanup(self.close)

    def line(self):
        while b"\n" not in self.rest:
            if not select.select([self.process.stdout], [], [], DEADLINE)[0]:
                raise AssertionError(f"slow_probe says nothing for {DEADLINE:g} s")
            more = os.read(self.process.stdout.fileno(), 1 << 16)
            if not more:
                raise AssertionError("slow_probe has ended")
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def audit(self):
        """By topic; "-" is the sum. The accounts are right at every moment."""
        self.tell("audit")
        lines = (self.line().split() for _ in range(len(self.topics) + 1))
        heard = {words[0]: Heard(words[1:]) for words in lines}
        for topic, h in heard.items():
            self.case.assertEqual(h.published, h.received + h.lost + h.conflated + h.redundant + h.waiting, topic)
            self.case.assertEqual((h.broken, h.behind, h.redundant), (0, 0, 0), topic)
            self.case.assertEqual(h.received, h.n, topic)
        return heard

    def signal(self, number):
        self.process.send_signal(number)

    def close(self):
        self.process.send_signal(signal.SIGCONT)
        self.process.stdin.close()
        self.case.assertEqual(self.process.wait(bookcast_test.DEADLINE), 0)
        self.process.stdout.close()


class SlowTest(bookcast_test.Case):
    def setUp(self):
        super().setUp()
        self.environment |= LEAN
        self.sim = self.start_sim("--plain", "--symbols", N, "--rate", RATE)

    def start_all(self, *arguments):
        self.gateway = self.start_gateway(self.sim, "--channels", ",".join(CHANNELS),
                                          "--silent-after", "60s", *arguments)
        self.start_cache()
        self.topics = [f"upbit.{symbol}.{channel}" for symbol in self.wait_fit(N) for channel in CHANNELS]
        wait_until(lambda: len(self.numbers()) == len(self.topics),
                   lambda: f"a message of every topic: {self.numbers()}")

    def numbers(self):
        """The number of the newest message of each topic, as the cache has it."""
        reply = self.ask_cache("BC1", "MATCH", "upbit.KRW")
        answers = (reply[i:i + 6] for i in range(2, len(reply), 6))
        return {topic.decode(): bookcast_test.decode(topic + b"\0" + payload).seq
                for topic, _, _, _, _, payload in answers if payload and topic.decode() in self.topics}

    def wait_published(self, more):
        start = sum(self.numbers().values())
        wait_until(lambda: sum(self.numbers().values()) >= start + more, f"{more} more messages", 300)

    def assert_whole(self, probe, what):
        """Of a market that stands still all is heard up to the last number, and every one before is accounted
        for."""
        last = []

        def whole():
            last[:] = probe.audit(), self.numbers()
            heard, numbers = last
            return all(heard[t].last == n and heard[t].waiting == 0 and heard[t].state in bookcast_test.FIT
                       for t, n in numbers.items())
        wait_until(whole, lambda: f"{what}: " + str({t: (last[0][t].last, n, last[0][t].waiting, last[0][t].state)
                                                     for t, n in last[1].items()}))
        heard, numbers = last
        for topic, n in numbers.items():
            h = heard[topic]
            self.assertEqual(h.published, n - h.first + 1, f"{what} {topic} {vars(h)}")
            self.assertEqual((h.told_lost, h.told_replaced), (h.lost, h.conflated), f"{what} {topic}")
            if topic.endswith(".trade"):
                self.assertEqual(h.conflated, 0, f"{what} {topic}")
        self.assertEqual(heard["-"].published, sum(heard[t].published for t in numbers))
        return heard["-"]

    def test_stopped_and_slow_ones_beside_a_healthy_one(self):
        self.start_all("--send-hwm", HWM)
        stopped = Probe(self, "all", self.topics), Probe(self, "latest", self.topics)
        healthy, slow = Probe(self, "all", self.topics), Probe(self, "latest", self.topics)
        for probe in (*stopped, healthy, slow):
            wait_until(lambda p=probe: all(h.n > 0 for h in p.audit().values()), "the first of each topic")
        slow.tell("pace 50")
        # What four subscribers make libzmq keep is there after the first thousands.
        for probe in stopped:
            probe.signal(signal.SIGSTOP)
        self.wait_published(1500)
        before = self.gateway.resident_kib()
        self.wait_published(200000 if LONG else 3000)
        wait_until(lambda: slow.audit()["-"].conflated > 0, "the slow one gets less than everything")
        grown = self.gateway.resident_kib() - before
        self.assertLess(grown, GROWTH_KIB, "the gateway's memory, in KiB")
        for probe in stopped:
            probe.signal(signal.SIGCONT)
        # They have caught up when they hear what was published after they could listen again, and, though the
        # stream never pauses, are told that it is fit.
        marks = self.numbers()
        for probe in stopped:
            wait_until(lambda p=probe: all(h.last > marks[t] and h.state in bookcast_test.FIT
                                           for t, h in p.audit().items() if t != "-"),
                       lambda p=probe: f"that it hears what is published now: {marks} " + str(
                           {t: (h.last, h.state, h.lost, h.waiting) for t, h in p.audit().items()}))
        slow.tell("pace 0")
        control(self.sim, "pause")
        sums = [self.assert_whole(probe, what) for probe, what in (
            (stopped[0], "stopped, all"), (stopped[1], "stopped, latest"),
            (healthy, "healthy"), (slow, "slow, latest"))]
        self.assertGreater(sums[0].lost, 0, "it was stopped for longer than queues are")
        self.assertGreater(sums[1].lost, 0)
        self.assertEqual(sums[2].lost + sums[2].conflated, 0, "the healthy one hears everything")
        self.assertEqual(sums[3].lost, 0, "who is slow and asks for the latest loses nothing,")
        self.assertGreater(sums[3].conflated, 0, "and does not get everything")
        print(f"gateway +{grown} KiB; lost, conflated: " +
              " ".join(f"{s.lost},{s.conflated}" for s in sums), file=sys.stderr)

    def test_the_command_line(self):
        self.start_all()
        # Its reader takes nothing: the pipe is soon full, and the rest waits.
        watch = subprocess.Popen([BIN / "bookcast", "watch", "upbit.", "--policy", "latest", "--json"],
                                 stdout=subprocess.PIPE, text=True, env=self.environment)
        try:
            self.wait_published(3000)
            status, lines, err = self.cli_json("top", "--once")
            control(self.sim, "pause")
            numbers, last = self.numbers(), {}
            sums = {"n_lost": 0, "n_replaced": 0, "n_unfit": 0}
            for line in watch.stdout:
                m = json.loads(line)
                topic = ".".join((m["exchange"], m["symbol"], m["channel"]))
                if topic in last:
                    self.assertEqual(m["seq"] - last[topic] - 1, m["n_lost"] + m["n_replaced"], topic)
                if m["channel"] == "trade":
                    self.assertEqual(m["n_replaced"], 0)
                last[topic] = m["seq"]
                sums = {key: n + m[key] for key, n in sums.items()}
                if all(last.get(t, 0) >= n for t, n in numbers.items()):
                    break
            else:
                self.fail(f"it has ended before the last messages: {last} of {numbers}")
            self.assertGreater(sums["n_replaced"], 0)
            self.assertEqual(sums["n_lost"], 0)
        finally:
            watch.terminate()
            watch.stdout.close()
            watch.wait()
        self.check_top(status, lines, err)
        self.assertEqual(self.cli("watch", "upbit.", "--policy", "some")[0], 1)

    def check_top(self, status, lines, err):
        self.assertEqual(status, 0, err)
        books = [line for line in lines if line["channel"] == "bbo"]
        accounts = {line["topic"]: line for line in lines if line["channel"] == "account"}
        whole, = (line for line in lines if line["channel"] == "accounts")
        self.assertEqual(len(books), N)
        self.assertLessEqual(set(self.topics), set(accounts))
        for a in (*accounts.values(), whole):
            self.assertEqual(a["published"], a["received"] + a["lost"] + a["conflated"] + a["waiting"], a)
            self.assertEqual(a["waiting"], 0)
        for key in ("published", "received", "lost", "conflated"):
            self.assertEqual(whole[key], sum(a[key] for a in accounts.values()), key)
        self.assertEqual((whole["exchange"], whole["gateways"], whole["gone"], whole["symbols"]), ("upbit", 1, 0, N))
        self.assertEqual(sum(whole["states"][s] for s in bookcast_test.FIT), N)
        self.assertGreater(whole["per_s"], 0)
        self.assertGreater(accounts["upbit.KRW-BTC.trade"]["published"], 10)
        self.assertEqual((whole["cache"]["lost"], whole["cache"]["gaps"]), (0, 0))

    FLOOD = """if True:
        import os, sys, time, zmq
        sub = zmq.Context().socket(zmq.SUB)
        sub.setsockopt(zmq.SNDHWM, 0)
        sub.connect(sys.argv[1])
        for _ in range(int(sys.argv[2])):
            sub.subscribe(os.urandom(32))
        print("asked", flush=True)
        while True:
            sub.poll(1000)
            sub.get(zmq.EVENTS)  # pyzmq sends them again here, when it is connected again
    """

    def test_a_flood_of_subscriptions(self):
        self.start_all("--max-subscriptions", 2000)
        everything = self.subscribe("upbit.")
        probe = Probe(self, "all", self.topics)
        everything.wait(lambda m: m.channel == "book", "a book")
        wait_until(lambda: all(h.n > 0 for h in probe.audit().values()), "the first of each topic")
        before = self.gateway.resident_kib()
        endpoint = f"ipc://{self.run_dir}/upbit.0.pub"
        flooder = subprocess.Popen([sys.executable, "-c", self.FLOOD, endpoint, str(1000000 if LONG else 60000)],
                                   stdout=subprocess.PIPE, text=True)
        try:
            self.gateway.wait_log(rf"event=bus\.flood .*{flooder.pid}")
            self.wait_published(1000)
            if LONG:
                self.assertEqual(flooder.stdout.readline(), "asked\n")
                until = time.monotonic() + 20
                wait_until(lambda: time.monotonic() > until, "some twenty floods", 60)
            grown = self.gateway.resident_kib() - before
        finally:
            flooder.kill()
            flooder.wait()
            flooder.stdout.close()
        self.assertLess(grown, GROWTH_KIB, "the gateway's memory, in KiB")
        control(self.sim, "pause")
        total = self.assert_whole(probe, "beside the flood")
        self.assertEqual(total.lost, 0)
        everything.drain()
        self.assertEqual(bookcast_test.holes(everything.heard), [])
        cuts = [int(n) for n in re.findall(r"event=bus\.flood .*?times=(\d+)", self.gateway.err)]
        print(f"gateway +{grown} KiB, cut {max(cuts)} times", file=sys.stderr)


if __name__ == "__main__":
    bookcast_test.main()
