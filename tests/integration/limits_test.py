"""What a machine runs out of: file descriptors, and names that are answered."""
import contextlib
import os
import re
import resource
import socket
import time

import bookcast_test
from bookcast_test import BIN, FIT, wait_until

SPARE = 8       # descriptors left to the process under test
STRANGERS = 60  # who all stay connected
RESCANS = 11    # of the run directory, one a second: after ten without its path a feed is forgotten


class Limits(bookcast_test.Case):
    def test_strangers_take_every_descriptor(self):
        sim = self.start_sim("--symbols", "10", "--rate", "100")
        gateway = self.start_gateway(sim, "--bind", "tcp://127.0.0.1:0")
        cache = self.start_cache("--bind", "tcp://127.0.0.1:0")
        self.wait_fit(10)
        books = self.subscribe("upbit.KRW-BTC.book\0")
        books.wait(lambda m: True, "a book")
        with contextlib.ExitStack() as strangers:
            for process, name in ((gateway, "upbit.0.pub"), (cache, "cache.rpc")):
                self.fill(strangers, process, str(self.run_dir / name))
            for process in gateway, cache:
                process.wait_log("event=[a-z]+.turned-away")
            heard = len(books.heard)
            began = time.monotonic()

            def rescanned():
                books.socket.poll(10)
                books.drain()
                return time.monotonic() - began > RESCANS
            wait_until(rescanned, f"{RESCANS} s", RESCANS + bookcast_test.DEADLINE)
            self.assertTrue(gateway.running() and cache.running())
            self.assertGreater(len(books.heard), heard + RESCANS, "who was there is served as before")
            self.assertEqual({m.state for m in books.heard[heard:]} - FIT, set())
            self.assertEqual(bookcast_test.holes(books.heard), [])
        self.assertNotIn("feed.removed", cache.err, "a directory that cannot be read says nothing")
        self.wait_fit(10)

    def fill(self, strangers, process, path):
        in_use = len(os.listdir(f"/proc/{process.pid}/fd"))
        hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (in_use + SPARE, hard))
        tcp = [e for e in process.ready["endpoints"] if e.startswith("tcp")][0]
        host, port = re.fullmatch(r"tcp://(.*):(\d+)", tcp).groups()
        for i in range(STRANGERS):
            if i % 2:
                stranger = strangers.enter_context(socket.socket(socket.AF_UNIX))
                stranger.connect(path)
            else:
                strangers.enter_context(socket.create_connection((host, int(port))))

    def test_a_name_that_is_never_answered_does_not_hold_the_end_up(self):
        preload = {"LD_PRELOAD": str(BIN.parent / "lib" / "libslow_resolver.so"), **bookcast_test.PRELOADED}
        gateway = self.start("bookcast-gateway", "--exchange", "upbit", "--symbols", "KRW-BTC",
                             "--ws-url", "wss://exchange.invalid", "--rest-url",
                             "https://exchange.invalid", environment=preload)
        status, slept = gateway.stop_asleep()
        self.assertEqual(status, 0)
        self.assertLess(slept, 1.5)


if __name__ == "__main__":
    bookcast_test.main()
