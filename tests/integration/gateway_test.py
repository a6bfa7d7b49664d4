"""The gateway as a process, on a simulated Upbit: numbers without holes, welcomes, states, recovery,
commands, and everything that must be refused before it starts."""
import json
import os
import pathlib
import re
import signal
import time
import unittest
import urllib.error
import urllib.request

import zmq

import bookcast_test
from bookcast_test import FIT, ask, control, holes, truth, wait_until


def is_book(message):
    return message.channel == "book"


class Publishing(bookcast_test.Case):
    def test_numbers_without_a_hole_from_the_first_one(self):
        sim = self.start_sim("--symbols", "10", "--rate", "200", "--plain")
        address = sim.ready["ws"].split("//")[1].replace("localhost", "127.0.0.1")
        sim.kill()  # so that the subscriber is there before the data
        self.start_gateway(sim, symbols="KRW-BTC,KRW-ETH")
        everything = self.subscribe("")
        everything.wait(lambda m: m.channel == "heartbeat", "a heartbeat")
        self.start_sim("--symbols", "10", "--rate", "200", "--plain", "--listen", address)
        everything.wait(lambda m: is_book(m) and m.seq > 50, "50 books")
        self.assertEqual(holes(everything.heard), [])
        first = {}
        for m in everything.heard:
            first.setdefault(m.topic, m.seq)
        for channel in ("book", "bbo", "trade", "ticker", "instrument"):
            self.assertEqual(first.get(f"upbit.KRW-BTC.{channel}"), 1, channel)
        self.assertEqual({m.epoch for m in everything.heard}, {everything.heard[0].epoch})

    def test_books_are_the_true_ones(self):
        sim = self.start_sim("--symbols", "10", "--rate", "200")
        self.start_gateway(sim, symbols="KRW-BTC,KRW-ETH")
        books = self.subscribe("upbit.KRW-BTC.book\0", "upbit.KRW-ETH.book\0")
        books.wait(lambda m: m.seq > 20, "some books")
        control(sim, "pause")
        for symbol in ("KRW-BTC", "KRW-ETH"):
            bids, asks = truth(sim, symbol)

            def right():
                books.socket.poll(10)
                books.drain()
                newest = [m for m in books.heard if m.topic == f"upbit.{symbol}.book"][-1]
                n, k = len(newest.body[0]), len(newest.body[1])
                return n and newest.body == (bids[:n], asks[:k])
            wait_until(right, f"the true book of {symbol}")

    def test_late_joiner_is_welcomed(self):
        sim = self.start_sim("--symbols", "10", "--rate", "50")
        self.start_gateway(sim, symbols="KRW-BTC,KRW-ETH")
        first = self.subscribe("upbit.")
        first.wait(lambda m: is_book(m) and m.state == "live", "a live book")
        control(sim, "pause")
        true = tuple(side[:15] for side in bookcast_test.truth(sim, "KRW-BTC"))
        first.wait(lambda m: m.topic == "upbit.KRW-BTC.book" and tuple(side[:15] for side in m.body) == true,
                   "the book at which the market stands still")
        late = self.subscribe("upbit.KRW-BTC.book\0")
        welcome = late.wait(is_book, "a book though nothing moves")
        self.assertIn("welcome", welcome.flags)
        original = first.wait(lambda m: m.topic == welcome.topic and m.seq == welcome.seq, "the same, live")
        self.assertEqual((original.body, original.state, original.ts_recv),
                         (welcome.body, welcome.state, welcome.ts_recv))
        state = self.subscribe("upbit.@0.state\0")
        self.assertEqual(state.wait(lambda m: True, "the symbol list").body[2], ["KRW-BTC", "KRW-ETH"])


class Faults(bookcast_test.Case):
    def test_the_exchange_dies_and_returns(self):
        sim = self.start_sim("--symbols", "10", "--rate", "100", "--plain")
        address = sim.ready["ws"].split("//")[1]
        self.start_gateway(sim, symbols="KRW-BTC,KRW-ETH")
        book = self.subscribe("upbit.KRW-BTC.book\0")
        book.wait(lambda m: m.state == "live", "a live book")
        sim.kill()
        stale = book.wait(lambda m: m.state == "stale", "the state on the book's own topic")
        self.assertEqual((stale.reason, "state" in stale.flags), ("disconnected", True))
        self.assertEqual([m for m in book.heard if m.seq > stale.seq], [], "nothing more to say")
        self.start_sim("--symbols", "10", "--rate", "100", "--plain", "--seed", "2",
                       "--listen", address.replace("localhost", "127.0.0.1"))
        live = book.wait(lambda m: m.seq > stale.seq and m.state == "live", "live by itself")
        self.assertIn("state", live.flags)
        self.assertEqual(holes(book.heard), [])

    def test_silence_is_not_life(self):
        sim = self.start_sim("--symbols", "10", "--rate", "100")
        gateway = self.start_gateway(sim, "--silent-after", "1s", symbols="KRW-BTC,KRW-ETH")
        book = self.subscribe("upbit.KRW-BTC.book\0", "upbit.@0.")
        book.wait(lambda m: is_book(m) and m.state == "live", "a live book")
        control(sim, "pause")
        stale = book.wait(lambda m: is_book(m) and m.state == "stale", "stale without data")
        self.assertEqual(stale.reason, "no-data")
        gateway.wait_log("why=silent")
        control(sim, "resume")
        book.wait(lambda m: is_book(m) and m.seq > stale.seq and m.state == "live", "live again")
        self.assertEqual(holes(book.heard), [])

    def test_stopped_gateway_believes_nothing_when_it_wakes(self):
        sim = self.start_sim("--symbols", "10", "--rate", "100")
        gateway = self.start_gateway(sim, symbols="KRW-BTC,KRW-ETH")
        book = self.subscribe("upbit.KRW-BTC.book\0")
        book.wait(lambda m: m.state == "live", "a live book")
        os.kill(gateway.pid, signal.SIGSTOP)
        time.sleep(3)  # the fault itself: a machine that stalls for longer than two seconds
        os.kill(gateway.pid, signal.SIGCONT)
        woke = time.time_ns()
        stale = book.wait(lambda m: m.state == "stale", "stale after the stall")
        self.assertEqual(stale.reason, "clock")
        again = book.wait(lambda m: m.seq > stale.seq and m.state == "live", "live again")
        self.assertGreater(again.ts_recv, woke - 10**9)
        self.assertEqual(holes(book.heard), [])

    def test_clock_set_back_between_two_lives(self):
        sim = self.start_sim("--symbols", "10", "--rate", "100")
        hour_ahead = time.time_ns() // 1000 + 3600 * 10**6
        (self.run_dir / "upbit.0.pub.epoch").write_text(f"{hour_ahead}\n")
        self.start_gateway(sim, symbols="KRW-BTC")
        book = self.subscribe("upbit.KRW-BTC.book\0").wait(is_book, "a book")
        self.assertEqual(book.epoch, hour_ahead + 1, "readers drop what has an older epoch")

    def test_log_level_by_signal(self):
        sim = self.start_sim("--symbols", "10", "--rate", "10")
        gateway = self.start_gateway(sim, symbols="KRW-BTC")
        os.kill(gateway.pid, signal.SIGUSR1)
        gateway.wait_log("level=debug .*event=log.level")
        os.kill(gateway.pid, signal.SIGUSR2)
        gateway.wait_log("level=info .*event=log.level")

    def test_terminated_says_so_and_leaves_at_once(self):
        sim = self.start_sim("--symbols", "10", "--rate", "1000")
        gateway = self.start_gateway(sim, symbols="KRW-*")
        everything = self.subscribe("upbit.")
        deaf = self.context.socket(zmq.SUB)  # what it does not take must not hold the end up
        self.addCleanup(deaf.close, 0)
        deaf.setsockopt(zmq.RCVHWM, 1)
        deaf.setsockopt(zmq.RCVBUF, 4096)
        deaf.subscribe(b"")
        deaf.connect(f"ipc://{self.run_dir}/upbit.0.pub")
        everything.wait(lambda m: is_book(m) and m.seq > 30, "30 books")
        status, slept = gateway.stop_asleep()
        self.assertEqual(status, 0)
        self.assertLess(slept, 1.5)  # one second, and what a busy machine adds
        for topic in ("upbit.KRW-BTC.book", "upbit.KRW-BTC.state", "upbit.@0.state"):
            down = everything.wait(lambda m: m.topic == topic and m.state == "down", f"down on {topic}")
            self.assertEqual(down.reason, "shutdown")
        self.assertEqual(holes(everything.heard), [])


class Commands(bookcast_test.Case):
    def ctl(self, *frames):
        answer = ask(self.context, f"ipc://{self.run_dir}/upbit.0.ctl", ["BC1", *frames])
        self.assertEqual(answer[0], b"BC1")
        return int(answer[1]), [f.decode() for f in answer[2:]]

    def test_symbols_come_and_go(self):
        sim = self.start_sim("--symbols", "10", "--rate", "100")
        self.start_gateway(sim, symbols="KRW-BTC")
        self.assertEqual((self.run_dir / "upbit.0.ctl").stat().st_mode & 0o777, 0o600)
        self.assertEqual((self.run_dir / "upbit.0.pub").stat().st_mode & 0o777, 0o660)
        state = self.subscribe("upbit.@0.state\0", "upbit.KRW-ETH.")
        self.assertEqual(self.ctl("ADD", "KRW-ETH"), (200, []))
        state.wait(lambda m: m.topic == "upbit.KRW-ETH.book" and m.state == "live", "the new one, live")
        state.wait(lambda m: m.topic == "upbit.@0.state" and m.body[2] == ["KRW-BTC", "KRW-ETH"], "the list")
        self.assertEqual(self.ctl("RESYNC", "KRW-ETH"), (200, []))
        self.assertEqual(self.ctl("REMOVE", "KRW-BTC"), (200, []))
        state.wait(lambda m: m.topic == "upbit.@0.state" and m.body[2] == ["KRW-ETH"], "the shorter list")
        listed = self.ctl("LIST")
        self.assertEqual((listed[0], listed[1][0], len(listed[1])), (200, "KRW-ETH", 3))
        health = json.loads(self.ctl("HEALTH")[1][0])
        self.assertEqual((health["exchange"], health["symbols"], health["state"]), ("upbit", 1, "live"))
        self.assertEqual(self.ctl("RENEW"), (200, []))
        self.assertEqual(self.ctl("RECONNECT"), (200, []))
        state.wait(lambda m: m.topic == "upbit.KRW-ETH.book" and m.state == "stale", "stale while it reconnects")

    def test_what_is_wrong_is_said(self):
        sim = self.start_sim("--symbols", "10", "--rate", "100")
        self.start_gateway(sim, symbols="KRW-BTC")
        for frames, status, says in (
                (["ADD", "krw-eth"], 400, "upper case"),
                (["ADD"], 400, "no symbol"),
                (["ADD", b"KRW\0ETH"], 400, "NUL"),
                (["ADD", "K" * 5000], 400, "too long"),
                (["REMOVE", "KRW-XYZ"], 404, "KRW-XYZ"),
                (["RESYNC", "KRW-XYZ"], 404, "KRW-XYZ"),
                (["SHUTDOWN"], 400, "unknown verb"),
                ([b"\xff\x00"], 400, "")):
            got = self.ctl(*frames)
            self.assertEqual(got[0], status, frames)
            self.assertIn(says, " ".join(got[1]), frames)
        self.assertEqual(self.ctl("LIST")[0], 200)

    def test_metrics_and_readiness(self):
        sim = self.start_sim("--symbols", "10", "--rate", "100")
        gateway = self.start_gateway(sim, "--metrics", "127.0.0.1:0", symbols="KRW-BTC")
        base = "http://" + gateway.ready["metrics"]

        def get(path):
            try:
                with urllib.request.urlopen(base + path, timeout=bookcast_test.DEADLINE) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()
        wait_until(lambda: get("/readyz")[0] == 200, "ready")
        text = get("/metrics")[1]
        self.assertRegex(text, r'bookcast_symbols\{.*state="live"\} 1')
        self.assertRegex(text, r"bookcast_messages_received_total\{[^}]*\} [1-9]")
        sim.kill()  # a paused one would make it ready again with each reconnect
        status, why = wait_until(lambda: get("/readyz")[0] == 503 and get("/readyz"), "not ready any more")
        self.assertEqual((status, "stale" in why or "connection" in why), (503, True), why)


class Refused(bookcast_test.Case):
    def refuse(self, says, *arguments, exchange="upbit"):
        status, out, err = self.run_program("bookcast-gateway", "--exchange", exchange, *arguments)
        self.assertEqual(status, 1, err)
        self.assertEqual(out, "")
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, err)

    def test_bad_configuration(self):
        missing = str(self.directory / "missing.pem")
        for says, arguments in (
                ("KRW-BTC", []),
                (["krw-btc", "upper case"], ["--symbols", "krw-btc"]),
                ("symbols", ["--symbols", "@0"]),
                ("https", ["--symbols", "KRW-BTC", "--rest-url", "ftp://x"]),
                ("wss", ["--symbols", "KRW-BTC", "--ws-url", "https://api.upbit.com"]),
                (missing, ["--symbols", "KRW-BTC", "--ca-file", missing]),
                (["candle-7m", "candle-1m"], ["--symbols", "KRW-BTC", "--channels", "candle-7m"]),
                ("instance", ["--symbols", "KRW-BTC", "--instance", "a/b"]),
                ("allow_insecure", ["--symbols", "KRW-BTC", "--bind", "tcp://0.0.0.0:0"]),
                ("tcp://127.0.0.1", ["--symbols", "KRW-BTC", "--bind", "ipc:///tmp/x"]),
                ("group_by", ["--symbols", "KRW-BTC", "--group-by", "much"]),
                ("format", ["--symbols", "KRW-BTC", "--feed-format", "XML"])):
            with self.subTest(arguments=arguments):
                self.refuse(says, *arguments)

    def test_unknown_exchange_is_told_the_known_ones(self):
        self.refuse(["upbit", "did you mean"], "--symbols", "KRW-BTC", exchange="upbti")

    def test_owned_socket_and_taken_port(self):
        sim = self.start_sim("--symbols", "10")
        gateway = self.start_gateway(sim, "--bind", "tcp://127.0.0.1:0", "--metrics", "127.0.0.1:0",
                                     symbols="KRW-BTC")
        tcp = [e for e in gateway.ready["endpoints"] if e.startswith("tcp")][0]
        metrics = gateway.ready["metrics"]
        self.refuse("upbit.0.pub", "--symbols", "KRW-BTC")
        self.refuse("in use", "--symbols", "KRW-BTC", "--instance", "b", "--bind", tcp)
        self.refuse("metrics.listen", "--symbols", "KRW-BTC", "--instance", "b", "--metrics", metrics)
        self.assertTrue(gateway.running())
        heard = self.subscribe("upbit.KRW-BTC.book\0")
        heard.wait(is_book, "the first one still publishes")

    def test_certificate_of_a_stranger(self):
        sim = self.start_sim("--symbols", "10")
        gateway = self.start("bookcast-gateway", "--exchange", "upbit", "--symbols", "KRW-BTC",
                             "--ws-url", sim.ready["ws"], "--rest-url", sim.ready["rest"],
                             "--backoff-max", "500ms")
        gateway.wait_log(r"event=ws\.closed why=tls-failed")
        self.assertTrue(gateway.running())


if __name__ == "__main__":
    bookcast_test.main(together=3)
