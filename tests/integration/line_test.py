"""bookcast-bench end to end: every scenario runs for a moment, loses nothing, says what it should; its
children end with it, however it ends. How fast anything was is not asked here."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

BENCH = pathlib.Path(os.environ["BOOKCAST_BIN"]) / "bookcast-bench"
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("BOOKCAST_") or k == "BOOKCAST_CAPTURES"}
MOMENT = ["--quick", "--rounds", "1", "--seconds", "0.001"]


def children(pid):
    """Of a process, and theirs."""
    try:
        own = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return set()
    return {int(c) for c in own} | {c for child in own for c in children(int(child))}


def runs(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)


class LineTest(unittest.TestCase):
    def run_bench(self, *args, **environment):
        done = subprocess.run([BENCH, *MOMENT, "--json", *args], capture_output=True, text=True,
                              timeout=300, env=ENVIRONMENT | environment)
        return done, [json.loads(line) for line in done.stdout.splitlines()]

    def test_every_scenario_runs_and_loses_nothing(self):
        listed = subprocess.run([BENCH, "--list"], capture_output=True, text=True, check=True)
        names = {word for word in listed.stdout.split() if word.startswith("line.")}
        self.assertGreaterEqual(len(names), 2)
        done, lines = self.run_bench("--only", "line")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = [line for line in lines if line["type"] == "row"]
        self.assertEqual({row["scenario"] for row in rows}, names - {"line.ccxt"})
        for line in lines:
            self.assertTrue(line["type"] != "left out" or line["note"], line)
        for row in rows:
            self.assertGreater(row["value"], 0, row)
            if row["floor_name"] is not None:
                self.assertGreater(row["floor"], 0, row)
                self.assertGreater(row["ratio"], 0, row)

    def test_a_gateway_that_does_not_start_is_told(self):
        done, _ = self.run_bench("--only", "line.cpu-record", BOOKCAST_BENCH_GATEWAY="/bin/false")
        self.assertEqual(done.returncode, 1)
        self.assertIn("bookcast-gateway does not start", done.stderr)

    def test_children_end_with_the_program(self):
        for how in signal.SIGINT, signal.SIGKILL:
            tmp = self.enterContext(tempfile.TemporaryDirectory())
            bench = subprocess.Popen([BENCH, "--only", "line.cpu-record", "--seconds", "60"],
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                     env=ENVIRONMENT | {"TMPDIR": tmp})
            started = set()

            def there_are_some():
                started.update(children(bench.pid))
                return len(children(bench.pid)) >= 3
            wait_until(there_are_some, "exchange, gateway and subscriber")
            started |= children(bench.pid)
            self.assertTrue(os.listdir(tmp))
            bench.send_signal(how)
            bench.wait(60)
            wait_until(lambda: not any(runs(pid) for pid in started), f"the end of {started}")
            wait_until(lambda: not os.listdir(tmp), "its directory to be removed")


if __name__ == "__main__":
    unittest.main()
