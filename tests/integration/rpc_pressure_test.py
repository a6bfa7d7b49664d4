"""The cache's socket and who takes all he can get: questions, PINGs and answers without an end, nothing read, nothing
finished. All is bounded, and the others are answered as if nobody else were there."""
import contextlib
import time
import unittest

import bookcast_test
import rpc_case
import zmtp
from bookcast_test import LONG, wait_until
from rpc_case import BAD, BUFFERS_KIB, ENDED, LIST, MIB, answer_to, outcome, question
from zmtp import frame, greeting, message, ping, ready

BUFFERS_KIB_AND_SOME = BUFFERS_KIB + 64 * MIB


class RpcPressureTest(rpc_case.Case):
    """Who takes all he can get."""

    def stop_reading(self, peer, words):
        """Says all of it that is taken from somebody who never reads, while others are answered; how many bytes."""
        said, refused = 0, 0
        while said < len(words) and refused < 50:
            took = peer.offer_now(words[said:said + (1 << 16)])
            said += took
            refused = 0 if took else refused + 1
            if not took:
                self.befriend()
        return said

    def is_taken(self, peer, words):
        """Says a piece; is it read before others were answered fifty times?"""
        if peer.offer_now(words) < len(words):
            return False
        for _ in range(50):
            if not peer.untaken():
                return True
            self.befriend()
        return False

    def read_late(self, peer, words, tags):
        """Says the words and reads, both; the answers are those to the tags, in order."""
        said = 0
        peer.socket.setblocking(False)
        for tag in tags:
            while not peer.items:
                if said < len(words):
                    with contextlib.suppress(BlockingIOError):
                        said += peer.socket.send(words[said:said + (1 << 16)])
                with contextlib.suppress(BlockingIOError):
                    self.assertTrue(peer.more(), "it was ended")
                    continue
                zmtp.wait_for(peer.socket, said < len(words))
            self.assertEqual(peer.items.popleft(), answer_to(tag))

    def test_twenty_thousand_questions_and_nothing_is_read(self):
        """They wait with him who asked; when he reads at last, none of the answers is missing. (The server of libzmq
        drops them.)"""
        tags = [b"%d." % i + bytes(1000) for i in range(20_000)]
        words = b"".join(question(tag) for tag in tags)
        with contextlib.ExitStack() as stack:
            for endpoint in self.endpoints[:2]:
                peer = self.peer(stack, endpoint, receive_buffer=1 << 16)
                said = self.stop_reading(peer, words)
                self.assertLess(said, len(words), "it goes on reading from who does not read")
                self.assert_bounded(32 * MIB)
                self.read_late(peer, words[said:], tags)
        self.assert_well()

    def test_pings_and_nothing_is_read(self):
        """Their PONGs wait as answers do, also where a question comes behind them in the same piece."""
        piece = ping(b"x" * 16) * 150
        for words in (piece, piece + question(b"t")):
            with contextlib.ExitStack() as stack:
                peer, said = self.peer(stack), 0
                while self.is_taken(peer, words):
                    said += len(words)
                    self.assertLess(said, 4 << 20, "it goes on reading from who does not read")
            self.assert_bounded(32 * MIB)
        self.assert_well()

    def test_what_was_large_is_given_back(self):
        """Who has asked much, and read the answer, holds nothing any more though he stays."""
        with contextlib.ExitStack() as stack:
            peers = [self.peer(stack, endpoint) for endpoint in self.endpoints[:2]]
            for peer in peers:
                peer.send(message(bytes(15 << 20), b"", *LIST))
                self.assertEqual(peer.answer()[1:], answer_to(b"")[1:])
            self.befriend()
            self.assert_bounded(8 * MIB)
            for peer in peers:
                peer.send(question(b"t"))
                self.assertEqual(peer.answer(), answer_to(b"t"))
        self.assert_well()

    def test_it_ends_while_they_wait(self):
        with contextlib.ExitStack() as stack:
            half = stack.enter_context(zmtp.Peer(self.ipc))
            unfinished, unread, idle = (self.peer(stack, self.endpoints[1]) for _ in range(3))
            half.send(greeting()[:30])
            unfinished.send(question(b"t")[:-3])
            self.stop_reading(unread, question(b"t" * 1000) * 20_000)
            self.assertEqual(self.cache.stop(), 0)
            for peer in half, unfinished, idle:
                self.assertEqual(outcome(peer), ENDED)

    def test_all_of_them_together(self):
        """Questions that are not finished and answers that are not read, 270 MiB: who holds most is ended, the others go
        on."""
        with contextlib.ExitStack() as stack:
            peers = [self.peer(stack, endpoint) for endpoint in self.endpoints[:2] * 9]
            unfinished, unread = peers[:9], peers[9:]
            for peer in unfinished:
                peer.send(frame(b"t", zmtp.MORE) + frame(b"", zmtp.MORE) + frame(bytes(1 << 20), zmtp.MORE) * 15)
                self.befriend()
            self.assert_bounded(BUFFERS_KIB_AND_SOME)
            for peer in unread:
                peer.offer(message(b"t", bytes(15 << 20), b"", *LIST))
                self.befriend()
                self.assert_bounded(BUFFERS_KIB_AND_SOME)
            n_ended = 0
            for peer in unfinished:
                peer.offer(message(*LIST) + question(b"u"))
                became = outcome(peer)
                if became == ENDED:
                    n_ended += 1
                    continue
                self.assertEqual(became[:4], [b"t", b"", b"BC1", b"400"])
                self.assertEqual(peer.answer(), answer_to(b"u"))
            self.assertLess(n_ended, len(unfinished))
        self.assert_well(BUFFERS_KIB_AND_SOME, dropped=None)

    def test_a_question_that_never_ends(self):
        """Beyond its limit it is thrown away as it comes."""
        with contextlib.ExitStack() as stack:
            peer = self.peer(stack)
            for _ in range(80):
                peer.send(frame(bytes(1 << 20), zmtp.MORE))
            peer.send((frame(b"x", zmtp.MORE) + ping(b"x")) * 50_000)
            peer.wait_taken()
            self.assert_bounded(48 * MIB)  # before its end, when all of it is given back
            peer.send(frame(b"") + question(b"u"))
            self.assertEqual(peer.answer()[:3], BAD)
            self.assertEqual(peer.answer(), answer_to(b"u"))
        self.assert_well()

    def test_hundreds_that_do_not_shake_hands(self):
        opening = greeting() + ready() + question(b"t")
        with contextlib.ExitStack() as stack:
            waiting = []
            for i in range(400):
                peer = stack.enter_context(zmtp.Peer(self.endpoints[i % 2]))
                said = (0, 10, 40, 64, 80)[i % 5]
                peer.send(opening[:said])
                waiting.append((peer, opening[said:]))
                if i % 20 == 0:
                    self.assert_served()
            for peer, rest in waiting[::9]:
                peer.send(rest)
                self.assertEqual(peer.answer(), answer_to(b"t"))
        self.assert_well()

    @unittest.skipUnless(LONG, "takes a minute")
    def test_what_is_not_done_in_time(self):
        """30 s for a handshake, and for a byte of an answer that waits; as long as he likes for who has nothing to say,
        and for who reads slowly."""
        opening = greeting() + ready() + question(b"t")
        with contextlib.ExitStack() as stack:
            idle, slow, *mute = [self.peer(stack, self.endpoints[i % 2], receive_buffer=1 << 16) for i in range(4)]
            begun, n_open = time.monotonic(), self.before_fds + 4
            half = [stack.enter_context(zmtp.Peer(self.endpoints[i % 2])) for i in range(6)]
            for peer, said in zip(half, (0, 10, 40, 64, 80, 90)):
                peer.send(opening[:said])
            wait_until(lambda: self.descriptors() == n_open + len(half), "all are there")
            for peer in slow, *mute:
                self.stop_reading(peer, question(b"t" * 1000) * 20_000)
            due = begun

            def hung_up(n):
                nonlocal due
                while due < time.monotonic():  # 16 KiB/s; the kernel tells of room only when much of a buffer is read
                    self.assertTrue(slow.more(8 << 10), "who reads is ended")
                    self.befriend()
                    due += 0.5
                return self.descriptors() <= n_open + len(half) - n
            wait_until(lambda: hung_up(1), "the first one is ended")
            self.assertGreater(time.monotonic() - begun, 20)
            wait_until(lambda: hung_up(len(half) + len(mute)), "all but two are")
            for peer in half:
                self.assertEqual(outcome(peer), ENDED)
            idle.send(question(b"u"))
            self.assertEqual(idle.answer(), answer_to(b"u"))
            for _ in range(4):
                self.assertTrue(slow.more(), "who reads is ended")
        self.assert_well(dropped=None)  # one of them by the kernel, perhaps, which has the same time limit


if __name__ == "__main__":
    bookcast_test.main(together=3)
