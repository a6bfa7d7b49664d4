"""A simulated Binance, spot or USD-M, a gateway, the cache and a subscriber of everything: what the tests of
the whole line stand on."""
import collections
import functools
import re
import time
import urllib.request

import bookcast_test
from bookcast_test import FIT, ask, control, levels, wait_until

N = 20
LEVELS = 10  # published
# Nothing of the past: it would take its part of the REST weight.
PRESENT = ("--history-trades", "0", "--history-candles", "0", "--levels", LEVELS)
# Where silence is not what is tried: neither a pause of the market nor a slow machine is one.
PATIENT = ("--silent-after", "1h", "--quiet-after", "1h")


def on_spot(test):
    """What is decided without looking at the exchange is tried on one of them, on both in a long run."""
    @functools.wraps(test)
    def run(self):
        if self.exchange != "binance-spot" and not bookcast_test.LONG:
            self.skipTest("on both exchanges in the long run")
        test(self)
    return run


class Line:
    """Mixed into a Case; `exchange` is the subclass's."""

    canary = "BTCUSDT"

    def begin(self, *gateway_flags, sim_flags=(), n=N, rate=400, tls=False, before=None):
        self.n = n
        self.sim_flags = (*(() if tls else ("--plain",)), "--symbols", n, "--rate", rate, *sim_flags)
        self.gateway_flags = (*PRESENT, "--metrics", "127.0.0.1:0", *gateway_flags)
        self.sim = self.start_sim(*self.sim_flags)
        if before is not None:
            before()
        self.heard = self.subscribe(f"{self.exchange}.")
        self.gateway = self.start_gateway(self.sim, *self.gateway_flags)
        self.cache = self.start_cache()

    def begin_live(self, *gateway_flags, **options):
        self.begin(*gateway_flags, **options)
        self.wait_live()

    def wait_live(self, seconds=bookcast_test.DEADLINE):
        return self.wait_fit(self.n, f"{self.exchange}.", seconds)

    def fault(self, name, **arguments):
        return control(self.sim, "fault", name=name, **arguments)

    def set(self, **settings):
        for name, value in settings.items():
            self.fault("exchange", set=name, value=value)

    def logged(self, event):
        """How often; the log says repeated lines together."""
        lines = re.findall(rf"event={event} (.*)", self.gateway.err)
        return sum(int(m.group(1)) if (m := re.search(r"repeated=(\d+)", line)) else 1 for line in lines)

    def fit(self):
        return [s for s, a in self.cached(f"{self.exchange}.").items() if a.state in FIT]

    def ctl(self, *request):
        self.assertEqual(ask(self.context, self.gateway.ready["ctl"], ("BC1", *request))[1], b"200")

    def counter(self, name):
        """What the gateway has counted; it copies its counters to where they are read once a second."""
        url = f"http://{self.gateway.ready['metrics']}/metrics"
        with urllib.request.urlopen(url, timeout=bookcast_test.DEADLINE) as answer:
            rows = (line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[0] != "#")
            return sum(float(value) for key, value in rows if key.split("{")[0] == f"bookcast_{name}")

    def pause(self):
        """From now on the true books are these, by symbol, asked for once."""
        control(self.sim, "pause")
        return functools.cache(lambda symbol: bookcast_test.true_state(self.sim, symbol))

    def while_paused(self, condition, what):
        """Waits until condition(true) holds while the market is paused; true(symbol) is a symbol's true state. A
        pause is a silent exchange, which costs the connection in time: then the market goes on for a while."""
        end = time.monotonic() + 2 * bookcast_test.DEADLINE

        def silent():
            return any(a.message.reason in ("no-data", "disconnected") for a in self.cached(f"{self.exchange}.").values())

        while True:
            true = self.pause()
            last = time.monotonic() > end
            result = wait_until(lambda: condition(true) and "so" or not last and silent() and "silent", what)
            control(self.sim, "resume")
            if result == "so":
                return
            self.wait_live()

    def difference(self, symbol, answer, true=None):
        """Is this cached book the newest, and may be traded on? Else why not. If it is of the same number as the
        true one it must be the true one, as far as it claims to know: anything else is a lie at once."""
        true = true(symbol) if true else bookcast_test.true_state(self.sim, symbol)
        book = answer.message
        if answer.state not in FIT:
            return f"{answer.state} {book.reason}"
        if book.exchange_seq != true["exchange_seq"]:
            return f"{book.exchange_seq} of {true['exchange_seq']}"
        for got, side in zip(book.body, ("bids", "asks")):
            want = levels(true[side])[:LEVELS]
            self.assertTrue(got and got == want[:len(got)], f"{symbol} {answer.state}: {side} {got} and not {want}")
            self.assertTrue(len(got) == len(want) or "edge" in book.flags, f"{symbol} hides {side} without an edge")
        return None

    def assert_true_when_paused(self):
        why = {}

        def all_true(true):
            books = self.cached(f"{self.exchange}.")
            why.clear()
            why.update({s: d for s, a in books.items() if (d := self.difference(s, a, true)) is not None})
            return len(books) == self.n and not why
        self.while_paused(all_true, lambda: f"every cached book is true; wrong: {why}")

    def assert_no_lie_when_paused(self):
        """As above, but whoever is not fit may hold anything."""
        true, lies = self.pause(), {}

        def none():
            lies.clear()
            lies.update({s: d for s, a in self.cached(f"{self.exchange}.").items()
                         if a.state in FIT and (d := self.difference(s, a, true)) is not None})
            return not lies
        wait_until(none, lambda: f"every fit book is true; wrong: {lies}")
        control(self.sim, "resume")

    # What was heard, beside the gateway's own topics and what a subscriber is greeted with.

    since = 0

    def forget(self):
        """What was published before now is not in data(): not what is still on its way, either."""
        self.since = time.time_ns()
        self.heard.forget()

    def data(self):
        self.heard.drain()
        return [m for m in self.heard.heard if "@" not in m.topic and m.ts_publish >= self.since]

    def states(self):
        """(state, reason) of the state topics, by symbol."""
        states = collections.defaultdict(list)
        for m in self.data():
            if m.channel == "state" and "welcome" not in m.flags:
                states[self.symbol(m)].append((m.state, m.reason))
        return states

    def symbol(self, m):
        return m.topic[len(self.exchange) + 1:].rsplit(".", 1)[0]

    def wait_state(self, symbol, state, reason):
        return self.heard.wait(lambda m: m.topic == f"{self.exchange}.{symbol}.state" and
                               (m.state, m.reason) == (state, reason), f"{symbol} {state} ({reason})")

    def assert_no_trade_lost(self):
        """The ids of each symbol's trades are contiguous, each once and in order."""
        ids = collections.defaultdict(list)
        for m in self.data():
            if m.channel == "trade":
                ids[self.symbol(m)].append(int(m.body[3]))
        self.assertGreater(len(ids), self.n / 2)
        for symbol, got in ids.items():
            self.assertEqual(got, list(range(got[0], got[0] + len(got))), symbol)
