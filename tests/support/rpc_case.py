"""A cache that is asked over ipc and tcp, and what must hold of it whatever somebody has said to it: it answers the
others, holds bounded memory, and lets go of who is gone."""
import json
import os

import zmq

import bookcast_test
import zmtp
from bookcast_test import wait_until

MIB = 1 << 10                     # in KiB
BUFFERS_KIB = 256 * MIB           # of all clients together
LIST = (b"BC1", b"LIST", b"none.")  # nothing is listed: the shortest answer
LISTED = [b"BC1", b"200"]
BAD = [b"", b"BC1", b"400"]       # an answer begins so, where nothing was to be returned
ENDED, REFUSED = "ended", "an ERROR, and ended"


def question(tag, *frames):
    return zmtp.message(tag, b"", *(frames or LIST))


def answer_to(tag):
    return [tag, b"", *LISTED]


def outcome(peer):
    """ENDED, REFUSED, or the next message."""
    try:
        return peer.answer()
    except zmtp.Ended as end:
        return REFUSED if any(isinstance(i, zmtp.Command) and i.name == b"ERROR" for i in end.said) else ENDED


class Case(bookcast_test.Case):
    def setUp(self):
        super().setUp()
        self.binds = ["tcp://127.0.0.1:0"]
        if os.path.exists("/proc/net/if_inet6"):
            self.binds.append("tcp://[::1]:0")
        self.cache = self.begin_cache()
        self.endpoints = self.cache.ready["endpoints"]
        self.ipc = self.endpoints[0]
        self.before_fds = self.descriptors() + 1
        self.friend = zmtp.Peer(self.ipc).shake_hands()  # here from the beginning
        self.addCleanup(self.friend.close)
        self.assert_served()
        self.before_kib = self.cache.resident_kib()

    def begin_cache(self):
        arguments = [word for bind in self.binds for word in ("--bind", bind)]
        return self.start_cache(*arguments, environment=bookcast_test.LEAN)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.cache.pid}/fd"))

    def open_socket(self, kind, endpoint=None, **options):
        """A socket of libzmq, connected where `endpoint` says so; options by their names."""
        opened = self.context.socket(kind)
        self.addCleanup(opened.close)
        for name, value in {"LINGER": 0, "IPV6": 1, **options}.items():
            opened.setsockopt(getattr(zmq, name), value)
        if endpoint:
            opened.connect(endpoint)
        return opened

    def receive(self, opened, seconds=bookcast_test.DEADLINE):
        self.assertTrue(opened.poll(seconds * 1000), "no answer")
        return opened.recv_multipart()

    def befriend(self):
        """Who was there before all that is served."""
        self.friend.send(zmtp.message(b"friend", b"", *LIST))
        self.assertEqual(self.friend.answer(), [b"friend", b"", *LISTED])

    def assert_served(self):
        self.assertTrue(self.cache.running(), self.cache.err)
        self.befriend()
        self.assertEqual(self.ask_cache(*LIST), LISTED)

    def assert_well(self, grown_kib=64 * MIB, dropped=0):
        """At the end of a test whose clients are gone; how many of them had to be hung up on, None for some."""
        self.assert_served()
        self.assert_bounded(grown_kib)
        wait_until(lambda: self.descriptors() <= self.before_fds, lambda:
                   f"it lets go of who is gone: {self.descriptors()} descriptors, {self.before_fds} before")
        stats = json.loads(self.ask_cache("BC1", "STATS")[2])
        self.assertEqual(bool(stats["clients_dropped"]) if dropped is None else stats["clients_dropped"],
                         True if dropped is None else dropped)

    def assert_bounded(self, grown_kib):
        self.assertLess(self.cache.resident_kib() - self.before_kib, grown_kib)

    def peer(self, stack, endpoint=None, **options):
        return stack.enter_context(zmtp.Peer(endpoint or self.ipc, **options)).shake_hands()
