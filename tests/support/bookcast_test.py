"""What the integration tests stand on: the programs as processes, and independent eyes on them.

    class KillTest(bookcast_test.Case):
        def test_cache(self):
            sim = self.start("bookcast-sim", "--exchange", "upbit")
            ...

Every process runs in a temporary run directory of its test case, is ended by its process id (also
when the test itself is killed), and must leave with the status that was expected and without a word
from a sanitizer. Messages are decoded by Debian's msgpack, not by code of ours. Nothing sleeps for
a time that is "long enough": wait_until() polls a condition and has a deadline.
"""
import collections
import contextlib
import ctypes
import decimal
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import msgpack
import zmq

SOURCE = pathlib.Path(os.environ["BOOKCAST_SOURCE"])
BIN = pathlib.Path(os.environ["BOOKCAST_BIN"])
LONG = bool(os.environ.get("BOOKCAST_LONG"))

# A debug build under sanitizers on a busy machine is slow; deadlines are for what never comes.
DEADLINE = 60.0
# Heartbeats of the gateways under test: three of them missed must be noticed.
HEARTBEAT = 0.5

decimal.getcontext().prec = 60


def asan(options):
    """For an environment: what the caller has set, and these."""
    return {"ASAN_OPTIONS": ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), options)))}


# Freed memory that ASan keeps, 256 MiB by itself, is not the program's.
LEAN = asan("quarantine_size_mb=1:thread_local_quarantine_size_kb=64")
PRELOADED = asan("verify_asan_link_order=0")  # something else may be loaded first


def skip(why):
    """Ends the whole program as "skipped" for CTest."""
    print(f"skipped: {why}", flush=True)
    sys.exit(77)


def captures():
    directory = os.environ.get("BOOKCAST_CAPTURES")
    if not directory:
        skip("BOOKCAST_CAPTURES is not set")
    return pathlib.Path(directory)


def wait_until(condition, what, seconds=DEADLINE):
    """Returns the first true value of condition(); AssertionError with `what` after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(0.01)


# ------------------------------------------------------------------ processes

_prctl = ctypes.CDLL(None).prctl


def _die_with_parent():
    _prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Process:
    """One running program. Its output goes to files in the case's directory."""

    def __init__(self, arguments, directory, environment, number, cwd=None, stdin=subprocess.DEVNULL):
        name = f"{number:02d}-{pathlib.Path(arguments[0]).name}"
        self.name = name
        self.arguments = [str(a) for a in arguments]
        self.out_path = directory / f"{name}.out"
        self.err_path = directory / f"{name}.err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(
                self.arguments, stdin=stdin, stdout=out, stderr=err,
                env=environment, cwd=cwd, preexec_fn=_die_with_parent)
        self.pid = self.process.pid
        self.ready = None
        self.expected = {0}  # exit statuses that are right, once it has been told to stop

    @property
    def out(self):
        return self.out_path.read_text(errors="replace")

    @property
    def err(self):
        return self.err_path.read_text(errors="replace")

    def running(self):
        return self.process.poll() is None

    def wait_ready(self, seconds=DEADLINE):
        def first_line():
            if not self.running() and "\n" not in self.out:
                raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.err}")
            return "\n" in self.out
        wait_until(first_line, lambda: f"{self.name}'s ready line; its stderr:\n{self.err}", seconds)
        self.ready = json.loads(self.out.split("\n", 1)[0])
        return self

    def wait_log(self, pattern, seconds=DEADLINE):
        return wait_until(lambda: re.search(pattern, self.err),
                          lambda: f"{pattern!r} in the log of {self.name}:\n{self.err}", seconds)

    def wait_exit(self, seconds=DEADLINE):
        wait_until(lambda: not self.running(), f"the end of {self.name}", seconds)
        return self.process.returncode

    def stop(self, number=signal.SIGTERM, seconds=DEADLINE):
        if self.running():
            self.process.send_signal(number)
        return self.wait_exit(seconds)

    def stop_asleep(self, number=signal.SIGTERM):
        """As stop(); how long its main thread was seen asleep until the end. While it worked, waited for a processor that
        others had, was stopped, or nobody could look because the whole machine stood still, it was not."""
        asleep, last, busy = 0.0, time.monotonic(), self.seen()[1]

        def ended():
            nonlocal asleep, last, busy
            now, (state, busy_now) = time.monotonic(), self.seen()
            if state not in "TX":
                asleep += max(0.0, min(now - last, 0.1) - (busy_now - busy))
            last, busy = now, busy_now
            return not self.running()
        self.process.send_signal(number)
        wait_until(ended, f"the end of {self.name}")
        return self.process.returncode, asleep

    def seen(self):
        """The state of its main thread, X when it is gone; and the seconds that it has run, or waited to run."""
        try:
            stat = pathlib.Path(f"/proc/{self.pid}/stat").read_text()
            ran, waited, _ = pathlib.Path(f"/proc/{self.pid}/schedstat").read_text().split()
        except (OSError, ValueError):
            return "X", 0.0
        return stat.rpartition(")")[2].split()[0], (int(ran) + int(waited)) / 1e9

    def kill(self):
        """kill -9, as the test wants it."""
        self.expected = {-signal.SIGKILL}
        self.process.kill()
        self.process.wait()

    def resident_kib(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1))


_SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer")


# A program says so when it stood still for longer than two seconds. Then nothing is live, and rightly.
_STALLED = re.compile(r"event=feed\.clock .*|event=loop\.stalled .*")


class Case(unittest.TestCase):
    """A test case with a run directory and processes of its own.

    What a test asserts holds of programs that run. One that failed beside a program that says it was kept from running for
    seconds, by the machine, is begun again, with a word about it: at most twice."""

    def run(self, result=None):
        result = self.defaultTestResult() if result is None else result
        for attempts_left in (2, 1, 0):
            trial, self.stalled = unittest.TestResult(), []
            super().run(trial)
            if trial.wasSuccessful() or not self.stalled or not attempts_left:
                break
            print(f"{self.id()}: begun again, since the machine stood still: {self.stalled[0]}\n"
                  f"{(trial.failures + trial.errors)[-1][1]}", file=sys.stderr)
        result.startTest(self)
        for name in "failures", "errors", "skipped":
            getattr(result, name).extend(getattr(trial, name))
        if trial.wasSuccessful() and not trial.skipped:
            result.addSuccess(self)
        elif getattr(result, "showAll", False):
            result.stream.writeln(f"skipped {trial.skipped[0][1]!r}" if trial.skipped else "FAIL")
        result.stopTest(self)
        return result

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bookcast-test."))
        self.run_dir = self.directory / "run"
        self.run_dir.mkdir(mode=0o700)
        self.processes = []
        self.context = zmq.Context()
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("BOOKCAST_")}
        self.environment |= {"BOOKCAST_RUN_DIR": str(self.run_dir), "TMPDIR": str(self.directory),
                             "BOOKCAST_TIMEOUT": f"{DEADLINE:.0f}s"}  # of the CLI; its own 2 s are for people

    def tearDown(self):
        problems = []
        for process in reversed(self.processes):
            was_running = process.running()
            if was_running:
                process.process.terminate()
                try:
                    process.process.wait(DEADLINE)
                except subprocess.TimeoutExpired:
                    process.process.kill()
                    process.process.wait()
                    problems.append(f"{process.name} did not end after SIGTERM")
            status = process.process.returncode
            if status not in process.expected:
                problems.append(f"{process.name} ended with {status}" +
                                ("" if was_running else " before it was told to"))
            if _SANITIZER.search(process.err):
                problems.append(f"{process.name}: a sanitizer complained")
            self.stalled += _STALLED.findall(process.err)
        self.context.destroy(linger=0)
        result = self._outcome.result
        if problems or any(test is self for test, _ in result.failures + result.errors):
            for process in self.processes:
                print(f"--- stderr of {process.name}: {' '.join(process.arguments)}\n"
                      f"{process.err[-6000:]}", file=sys.stderr)
        shutil.rmtree(self.directory, ignore_errors=True)
        if problems:
            raise AssertionError("; ".join(problems))

    # -------------------------------------------------------------- starting programs

    def start(self, program, *arguments, environment=None, wait=True, prefix=()):
        """`prefix`: a command that becomes the program, such as nsenter."""
        process = Process([*prefix, BIN / program, *arguments], self.directory,
                          {**self.environment, **(environment or {})}, len(self.processes))
        self.processes.append(process)
        return process.wait_ready() if wait else process

    exchange = "upbit"  # unless a test says otherwise

    def start_sim(self, *arguments, exchange=None, **how):
        return self.start("bookcast-sim", "--exchange", exchange or self.exchange, *arguments, **how)

    def start_gateway(self, sim, *arguments, symbols="*", wait=True, exchange=None, **how):
        feed = ["--ws-url", sim.ready["ws"], "--rest-url", sim.ready["rest"]]
        if sim.ready.get("ca_file"):
            feed += ["--ca-file", sim.ready["ca_file"]]
        return self.start("bookcast-gateway", "--exchange", exchange or self.exchange, "--symbols", symbols,
                          "--heartbeat", f"{HEARTBEAT * 1000:.0f}ms", "--backoff-max", "500ms",
                          *feed, *arguments, wait=wait, **how)

    def start_cache(self, *arguments, wait=True, **how):
        return self.start("bookcast-cache", *arguments, wait=wait, **how)

    def run_program(self, program, *arguments, stdin="", seconds=DEADLINE, environment=None):
        """Runs to the end; returns (exit status, stdout, stderr)."""
        done = subprocess.run([str(BIN / program), *map(str, arguments)], input=stdin, text=True,
                              capture_output=True, timeout=seconds,
                              env={**self.environment, **(environment or {})},
                              preexec_fn=_die_with_parent)
        self.assertIsNone(_SANITIZER.search(done.stderr), done.stderr)
        self.assertGreaterEqual(done.returncode, 0, f"killed by a signal: {done.stderr}")
        return done.returncode, done.stdout, done.stderr

    def cli(self, *arguments, **options):
        return self.run_program("bookcast", *arguments, **options)

    def cli_json(self, *arguments, **options):
        """The objects that `bookcast ... --json` printed, and the exit status."""
        status, out, err = self.cli(*arguments, "--json", **options)
        return status, [json.loads(line) for line in out.splitlines()], err

    # -------------------------------------------------------------- asking

    def subscribe(self, *prefixes, endpoint=None):
        subscriber = Subscriber(self.context, endpoint or f"ipc://{self.run_dir}/{self.exchange}.0.pub", prefixes)
        self.addCleanup(subscriber.close)
        return subscriber

    def ask_cache(self, *frames, seconds=DEADLINE):
        """One request to the cache as any client would send it; the reply's frames."""
        return ask(self.context, f"ipc://{self.run_dir}/cache.rpc", frames, seconds)

    def cached(self, prefix, channel="book"):
        """What the cache answers to MATCH, by symbol."""
        reply = self.ask_cache("BC1", "MATCH", prefix)
        self.assertEqual(reply[:2], [b"BC1", b"200"])
        answers = {}
        for i in range(2, len(reply), 6):
            topic, status, state, age, proven, payload = reply[i:i + 6]
            if status == b"200" and topic.endswith(b"." + channel.encode()):
                message = decode(topic + b"\0" + payload)
                answers[topic.decode().split(".", 1)[1].rsplit(".", 1)[0]] = Answer(
                    state.decode(), int(age), int(proven), message)
        return answers

    def wait_fit(self, n, prefix="upbit.", seconds=DEADLINE):
        """Waits until the cache holds n books that may be traded on; they are returned by symbol."""
        last = {}

        def fit():
            last.clear()
            last.update(self.cached(prefix))
            return len(last) == n and {a.state for a in last.values()} <= FIT and last
        return wait_until(fit, lambda: f"{n} fit books of {prefix}, last: "
                          f"{collections.Counter((a.state, a.message.reason) for a in last.values())}", seconds)


def ask(context, endpoint, frames, seconds=DEADLINE):
    with contextlib.closing(context.socket(zmq.REQ)) as socket:
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(endpoint)
        socket.send_multipart([f if isinstance(f, bytes) else str(f).encode() for f in frames])
        if not socket.poll(seconds * 1000):
            raise AssertionError(f"no answer from {endpoint} to {frames[:3]} within {seconds:g} s")
        return socket.recv_multipart()


# ------------------------------------------------------------------ the simulator

def http(sim, method, path, body=None, seconds=DEADLINE):
    """One request to the simulated exchange; (status, text)."""
    context = None
    if sim.ready.get("ca_file"):
        context = ssl.create_default_context(cafile=sim.ready["ca_file"])
    request = urllib.request.Request(sim.ready["rest"] + path, method=method,
                                     data=None if body is None else json.dumps(body).encode())
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=seconds, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def control(sim, verb, **arguments):
    """{"do": verb, ...}; the simulator's answer: its state now."""
    status, text = http(sim, "POST", "/control", {"do": verb, **arguments})
    if status != 200:
        raise AssertionError(f"the simulator answered {status} to {verb} {arguments}: {text}")
    return json.loads(text)


def true_state(sim, symbol):
    """What the simulator knows of a symbol."""
    status, text = http(sim, "GET", f"/truth/{urllib.parse.quote(symbol)}")
    if status != 200:
        raise AssertionError(f"/truth/{symbol}: {status} {text}")
    return json.loads(text)


def true_states(sim):
    return json.loads(http(sim, "GET", "/truth")[1])


def truth(sim, symbol):
    """The true book: ([(price, quantity)], [(price, quantity)]) as decimals, best first."""
    book = true_state(sim, symbol)
    return levels(book["bids"]), levels(book["asks"])


def levels(pairs):
    return [(decimal.Decimal(p), decimal.Decimal(q)) for p, q in pairs]


# ------------------------------------------------------------------ reading the bus

def _words(name):
    """The words of one table of proto/enums.def, by number."""
    text = (SOURCE / "proto" / "enums.def").read_text()
    body = re.search(rf"#define BC_{name}_ROWS\(X\)(.*?)(?:\n\n|\Z)", text, re.S).group(1)
    return {int(n): word for n, word in re.findall(r'X\((\d+), \w+, "([^"]+)"', body)}


CHANNELS, STATES, REASONS, FLAGS, SIDES = map(_words, ("CHANNEL", "STATE", "REASON", "FLAG", "SIDE"))
FIT = {"live", "quiet"}

Message = collections.namedtuple(
    "Message", "topic channel epoch seq exchange_seq ts_exchange ts_recv ts_publish state reason since "
    "flags body arrived")


Answer = collections.namedtuple("Answer", "state age_ns proven_ns message")  # of the cache


def exact(element, exponent):
    """An element of a scaled kind as a Decimal."""
    mantissa, exponent = (element, exponent) if isinstance(element, int) else element
    return decimal.Decimal(mantissa).scaleb(exponent)


def _side(flat, price_exp, qty_exp):
    return [(exact(flat[i], price_exp), exact(flat[i + 1], qty_exp)) for i in range(0, len(flat), 2)]


def decode(frame, arrived=0.0):
    """One frame of the bus as proto/README.md specifies it."""
    topic, payload = frame.split(b"\0", 1)
    version, envelope, body = msgpack.unpackb(payload, strict_map_key=False)
    assert version == 1, version
    channel, epoch, seq, exchange_seq, ts_exchange, ts_recv, ts_publish, state, reason, since, flags = \
        envelope[:11]
    word = CHANNELS[channel]
    if word in ("book", "bbo"):
        price_exp, qty_exp, bids, asks = body[:4]
        body = (_side(bids, price_exp, qty_exp), _side(asks, price_exp, qty_exp))
    elif word == "trade":
        price_exp, qty_exp, price, quantity, side, trade_id = body[:6]
        body = (exact(price, price_exp), exact(quantity, qty_exp), SIDES[side], trade_id)
    return Message(topic.decode(), word, epoch, seq, exchange_seq, ts_exchange, ts_recv, ts_publish,
                   STATES[state], REASONS[reason], since,
                   frozenset(w for bit, w in FLAGS.items() if flags >> bit & 1), body, arrived)


class Subscriber:
    """A plain SUB socket; keeps what it heard, in order."""

    def __init__(self, context, endpoint, prefixes):
        self.socket = context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.RCVHWM, 0)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 20)
        for prefix in prefixes:
            self.socket.subscribe(prefix.encode())
        self.started = time.monotonic()
        self.socket.connect(endpoint)
        self.heard = []

    def drain(self):
        """Takes all that is there; returns what is new."""
        new = []
        while True:
            try:
                frame = self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            new.append(decode(frame, time.monotonic()))
        self.heard += new
        return new

    def wait(self, condition, what, seconds=DEADLINE):
        """Reads until condition(message) holds for one, heard before or now; returns it."""
        seen = 0

        def found():
            nonlocal seen
            self.socket.poll(10)
            self.drain()
            while seen < len(self.heard):
                seen += 1
                if condition(self.heard[seen - 1]):
                    return self.heard[seen - 1]
            return None
        return wait_until(found, lambda: f"{what}; {len(self.heard)} messages heard, the last: "
                          f"{self.heard[-3:]}", seconds)

    def forget(self):
        self.drain()
        self.heard.clear()

    def close(self):
        self.socket.close()


def holes(messages):
    """What is wrong with the sequences: duplicates that are no welcome, and missing numbers."""
    last, problems = {}, []
    for m in messages:
        key = (m.epoch, m.topic)
        if key in last and m.seq != last[key] + 1 and not ("welcome" in m.flags and m.seq <= last[key]):
            problems.append(f"{m.topic}: {m.seq} after {last[key]}")
        last[key] = max(m.seq, last.get(key, 0))
    return problems


def main(together=1):
    """Runs the tests of the calling program; `together` at a time, each in a process of its own, where they mostly
    wait. The tests of one that was named on the command line run one after the other."""
    if together == 1 or len(sys.argv) > 1:
        unittest.main(verbosity=2, module="__main__")
    tests = list(_each(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])))
    sys.exit(bool(run_together(tests, together)))


SKIPPED = 77  # the exit status of a test that was


def run_together(tests, together):
    """Those that failed."""
    begun, bad, n_skipped, waiting, running = time.monotonic(), [], 0, list(tests), {}
    while waiting or running:
        while waiting and len(running) < together:
            child = _fork(waiting.pop(0))
            running[child.pid] = child
        pid, status = os.wait()
        child = running.pop(pid)
        child.said.seek(0)
        text = child.said.read()
        status = os.waitstatus_to_exitcode(status)
        if status in (0, SKIPPED):  # what the test itself printed, why it was skipped, and the time
            text = re.sub(r"^[s\W]*-{70}\nRan 1 test in ([\d.]+) ?s\s+OK( \(skipped=\d+\))?", r" \1 s", text, flags=re.M)
            text = " ".join(text.split()) + "\n"
            n_skipped += status == SKIPPED
        else:
            bad.append(child.test.id())
        print(f"{child.test.id()}: {text}", end="", file=sys.stderr, flush=True)
    print(f"Ran {len(tests) - n_skipped} tests in {time.monotonic() - begun:.1f} s, {together} at a time"
          + f"; {n_skipped} skipped" * (n_skipped > 0) + "".join(f"\nFAILED {name}" for name in bad), file=sys.stderr)
    return bad


def _each(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from _each(test)
        else:
            yield test


_Child = collections.namedtuple("_Child", "pid test said")


def _fork(test):
    """One test in a process of its own; what it prints goes to a file."""
    said = tempfile.TemporaryFile("w+", errors="replace")
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _die_with_parent()
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            result = unittest.TextTestRunner(sys.stderr).run(test)
            for _, why in result.skipped:
                print(f"skipped: {why}", file=sys.stderr)
            status = (SKIPPED if result.skipped else 0) if result.wasSuccessful() else 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return _Child(pid, test, said)
