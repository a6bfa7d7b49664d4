"""spin: true: a loop that never sleeps serves everything as one that does, and ends when told to."""
import pathlib
import unittest

import bookcast_test
from bookcast_test import ask, control, holes, truth


def naps(pid):
    """How often the loop's thread has slept."""
    status = pathlib.Path(f"/proc/{pid}/task/{pid}/status").read_text()
    return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])


class Spin(bookcast_test.Case):
    def naps_in_two_heartbeats(self, gateway):
        """Of a gateway whose exchange is silent."""
        heartbeats = self.subscribe("upbit.@0.heartbeat\0")
        first = heartbeats.wait(lambda m: True, "a heartbeat")
        before = naps(gateway.pid)
        heartbeats.wait(lambda m: m.seq >= first.seq + 2, "two more: timers are served")
        return naps(gateway.pid) - before

    def silent(self, *arguments):
        sim = self.start_sim("--symbols", "10", "--rate", "200")
        gateway = self.start_gateway(sim, "--silent-after", "60s", *arguments, symbols="KRW-BTC,KRW-ETH")
        books = self.subscribe("upbit.KRW-BTC.book\0")
        books.wait(lambda m: m.seq > 3, "some books")
        control(sim, "pause")
        true = tuple(side[:15] for side in truth(sim, "KRW-BTC"))
        books.wait(lambda m: tuple(side[:15] for side in m.body) == true, "the true book")
        self.assertEqual(holes(books.heard), [])
        return sim, gateway

    def test_who_sleeps_is_told_from_who_does_not(self):
        _, gateway = self.silent()
        self.assertGreaterEqual(self.naps_in_two_heartbeats(gateway), 2)
        self.assertNotIn("gateway.spins", gateway.err)

    def test_everything_is_served_without_a_nap(self):
        sim, gateway = self.silent("--spin")
        gateway.wait_log("gateway.spins")
        self.assertLess(self.naps_in_two_heartbeats(gateway), 2)
        welcome = self.subscribe("upbit.KRW-ETH.book\0").wait(lambda m: True, "a welcome")
        self.assertIn("welcome", welcome.flags)
        answer = ask(self.context, gateway.ready["ctl"], ["BC1", "ADD", "KRW-XRP"])
        self.assertEqual(answer[1], b"200", answer)
        added = self.subscribe("upbit.KRW-XRP.book\0")
        control(sim, "resume")
        added.wait(lambda m: m.state == "live", "a symbol that came later")
        states = self.subscribe("upbit.@0.state\0")
        states.wait(lambda m: m.state == "live", "the gateway's state")
        self.assertEqual(gateway.stop(), 0)
        states.wait(lambda m: m.state == "down", "its farewell")


if __name__ == "__main__":
    bookcast_test.main()
