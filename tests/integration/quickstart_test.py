"""deploy/quickstart in a terminal: it shows books, and Ctrl-C leaves no process and no file behind.

With --bin, so that nothing is installed or built; tests/fresh does that on a new machine.
"""
import os
import pathlib
import pty
import re
import select
import signal
import shutil
import subprocess
import tempfile
import time
import unittest
import uuid

import bookcast_test
from bookcast_test import wait_until

SCRIPT = bookcast_test.SOURCE / "deploy" / "quickstart"
MARK = "QUICKSTART_TEST"
BOOK = r"KRW-BTC\s+\d"  # a price beside the symbol


class Terminal:
    """A program on a pseudo-terminal of its own, as a person would run it."""

    def __init__(self, arguments, environment):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(arguments[0], arguments, environment)
        self.screen, self.status, self.closed = "", None, False

    def read(self, seconds=0.05):
        if select.select([self.fd], [], [], seconds)[0]:
            try:
                self.screen += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:  # EIO: nobody has the other side any more
                self.closed = True

    def ended(self):
        self.read()
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status is not None

    def wait_screen(self, pattern, seconds=bookcast_test.DEADLINE):
        def shown():
            self.read()
            return re.search(pattern, self.screen)
        return wait_until(shown, lambda: f"{pattern!r} on the screen:\n{self.screen[-3000:]}", seconds)

    def press(self, keys):
        os.write(self.fd, keys)

    def wait_end(self):
        wait_until(self.ended, lambda: f"its end; screen:\n{self.screen[-3000:]}")
        wait_until(lambda: self.read() or self.closed, lambda: f"all it said; screen:\n{self.screen[-3000:]}")
        return self.status


class QuickstartTest(unittest.TestCase):
    def setUp(self):
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix="bookcast-test."))
        self.addCleanup(shutil.rmtree, self.tmp, True)
        self.mark = uuid.uuid4().hex
        self.environment = {**os.environ, "TMPDIR": str(self.tmp), "TERM": "xterm", MARK: self.mark,
                            "BOOKCAST_RUN_DIR": "/nowhere", "BOOKCAST_SYMBOLS": "must-not-be-read"}
        self.command = [str(SCRIPT), "--bin", str(bookcast_test.BIN), "--symbols", "5"]
        self.addCleanup(self.end_what_is_left)

    def left(self):
        """Processes that were started below this test, by the mark in their environment."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                pass
        return found

    def end_what_is_left(self):
        for pid in self.left():
            os.kill(pid, signal.SIGKILL)

    def assert_nothing_is_left(self):
        wait_until(lambda: not self.left(), lambda: f"still running: {self.left()}")
        self.assertEqual(list(self.tmp.iterdir()), [])

    def running(self, program):
        return [pid for pid, line in self.left().items() if f"/{program} " in line]

    def show(self):
        terminal = Terminal(self.command, self.environment)
        self.addCleanup(os.close, terminal.fd)
        terminal.wait_screen(BOOK, 300)
        return terminal

    def test_books_move_in_the_terminal_and_control_c_ends_it_all(self):
        terminal = self.show()
        self.assertEqual(len(self.running("bookcast-gateway")), 1)
        before = len(terminal.screen)
        terminal.wait_screen(r"(?s)^.{%d}.*%s" % (before + 200, BOOK))
        terminal.press(b"\x03")
        self.assertEqual(terminal.wait_end(), 0)
        self.assertIn("nothing is left running", terminal.screen)
        self.assert_nothing_is_left()

    def test_in_a_pipe_it_prints_the_books_once(self):
        done = subprocess.run(self.command, env=self.environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, BOOK)
        self.assertNotIn("\x1b", done.stdout)
        self.assert_nothing_is_left()

    def test_of_every_exchange(self):
        for exchange, symbol in (("binance-spot", "BTCUSDT"), ("binance-usdm", "BTCUSDT")):
            done = subprocess.run([*self.command, "--exchange", exchange], env=self.environment, capture_output=True,
                                  text=True, stdin=subprocess.DEVNULL, timeout=300)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, rf"{exchange}  5 symbols, 5 fit")
            self.assertRegex(done.stdout, rf"(?m)^{symbol}\s+[\d.]+\s+\d+[\d.]*\s+\d+[\d.]*\s+[\d.]+\s+[\d.]+  live$")
            self.assertIn(f"bookcast get {exchange} {symbol}\n", done.stdout)
            self.assert_nothing_is_left()

    def test_sigterm_ends_it_all(self):
        terminal = self.show()
        os.kill(terminal.pid, signal.SIGTERM)
        self.assertEqual(terminal.wait_end(), 143)
        self.assert_nothing_is_left()

    def test_killed_itself_it_leaves_no_process(self):
        terminal = self.show()
        os.kill(terminal.pid, signal.SIGKILL)
        wait_until(lambda: not self.left(), lambda: f"still running: {self.left()}")

    def test_a_program_that_dies_is_named_with_the_end_of_its_log(self):
        terminal = self.show()
        os.kill(self.running("bookcast-gateway")[0], signal.SIGKILL)
        self.assertEqual(terminal.wait_end(), 1)
        self.assertRegex(terminal.screen, r"gateway has ended; the end of its log:\s+\| ")
        self.assert_nothing_is_left()

    def test_a_program_that_cannot_start_is_named(self):
        done = subprocess.run([*self.command[:3], "--exchange", "mtgox"], env=self.environment,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
        self.assertEqual(done.returncode, 1)
        self.assertIn("mtgox", done.stderr)
        self.assert_nothing_is_left()

    def test_wrong_use_is_told(self):
        for arguments, said in ((["--frobnicate"], "--frobnicate"), (["--symbols"], "--symbols needs a value"),
                                (["--symbols", "0"], "at least one"), (["--seconds", "x"], "whole number"),
                                (["--live", "--symbols", "3"], "by name")):
            done = subprocess.run([str(SCRIPT), *arguments], capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=bookcast_test.DEADLINE)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    bookcast_test.main(together=3)
