"""A simulated Binance, spot and USD-M, that is silent, has had enough, sends bad snapshots, or dies: no book is
called live that is not the true one, and all of them are live and true in the end."""
import re

import bookcast_test
from binance_line import LEVELS, Line, N, PATIENT, on_spot
from bookcast_test import FIT, control, wait_until

FAST = ("--silent-after", "2s", "--first-data-after", "2s")


class Faults(Line):
    def test_connections_end_without_a_word(self):
        self.begin_live()
        self.forget()
        self.fault("exchange", set="life", value=0.01)
        self.wait_state(self.canary, "stale", "disconnected")
        self.fault("clear")
        self.wait_live()
        self.assert_true_when_paused()

    def silent_until_cleared(self, line):
        self.wait_state(self.canary, "stale", "no-data")
        self.gateway.wait_log(f"line={line} ")
        wait_until(lambda: not self.fit(), lambda: f"nobody is fit; {self.fit()}")
        self.fault("clear")
        self.wait_live()
        self.assert_true_when_paused()
        self.gateway.stop()
        self.cache.stop()

    def test_acknowledged_and_silent(self):
        for route, line in self.lines.items():
            with self.subTest(line):
                self.begin_live(*FAST)
                self.fault("exchange", set=f"silent-{route}", value=1)
                self.silent_until_cleared(line)

    def test_silent_from_the_beginning(self):
        for route, line in self.lines.items():
            with self.subTest(line):
                self.begin(*FAST, before=lambda: self.set(**{f"silent-{route}": 1}))
                self.silent_until_cleared(line)

    def limited(self, **rule):
        """So small a weight that the snapshots take some of the simulator's minutes."""
        self.begin("--snapshot-levels", "500", *PATIENT, rate=60,
                   before=lambda: self.set(minute=2, weight=self.weight, **rule))
        waiting = self.heard.wait(lambda m: m.channel == "heartbeat" and m.body[9]["snapshot_wait_ms"] > 0 and
                                  m.body[9]["snapshots_waiting"] > 0, "a heartbeat that tells the wait").body[9]
        self.assertGreater(waiting["symbols_syncing"], 0)
        wait_until(lambda: re.search(r" \d+ in \d", self.cli("gateways")[1]), "a person is told, too")
        self.assertLessEqual(waiting["snapshot_wait_ms"], 60000)
        self.wait_live()
        self.assert_true_when_paused()
        self.assertNotIn("stale", {state for s in self.states().values() for state, _ in s})
        return control(self.sim, "status")

    def test_it_waits_when_the_exchange_says_429(self):
        said = self.limited(forgiven=3)
        self.assertGreater(said["limits"], 1)
        # Three may have been on their way beside the one that was refused; a fourth would be a ban.
        self.assertEqual(said["bans"], 0)
        self.assertLessEqual(said["ignored"], 3 * said["limits"])

    @on_spot
    def test_it_waits_while_it_is_banned(self):
        said = self.limited(forgiven=0, ban=2)
        self.assertGreater(said["bans"], 0)
        self.assertLessEqual(said["ignored"], 3 * said["limits"])
        wait_until(lambda: self.counter("rest_bans_total") > 0, "the bans are counted")

    def no_lie_while(self, fault, **arguments):
        """Every snapshot is asked for again, and something is wrong with the answers."""
        self.begin_live("--snapshot-levels", "500", *PATIENT)
        self.forget()
        self.fault(fault, **arguments)
        self.ctl("RESYNC", "*")
        for _ in range(3):
            self.assert_no_lie_when_paused()
        self.wait_state(self.canary, "live", "none")
        self.wait_live()
        self.assert_true_when_paused()
        self.assertEqual(bookcast_test.holes(self.heard.heard), [])

    @on_spot
    def test_snapshots_that_are_old(self):
        self.no_lie_while("old-snapshot", n=N, changes=500)
        wait_until(lambda: self.counter("snapshots_too_old_total") > 0, "old ones, counted")

    def test_first_snapshots_that_are_old(self):
        """Nothing is known yet that they could be older than, but the first change."""
        def old():
            calm = min(bookcast_test.true_states(self.sim), key=lambda s: s["seq"])["symbol"]
            wait_until(lambda: bookcast_test.true_state(self.sim, calm)["seq"] > 100, "a market with a past")
            self.fault("old-snapshot", n=N, changes=60)
            self.fault("rest-slow", n=100, ms=400)  # so that there are changes it could be joined to
        self.begin("--snapshot-levels", "500", *PATIENT, rate=800, before=old)
        for n in (1, 5, 10, N):
            wait_until(lambda n=n: len(self.fit()) >= n, f"{n} fit books")
            self.assert_no_lie_when_paused()
        self.assert_true_when_paused()
        wait_until(lambda: self.counter("snapshots_too_old_total") >= N / 2, "old ones, counted")

    def test_nothing_is_shown_beyond_the_edge(self):
        """Snapshots come later than the price leaves the one before."""
        self.begin_live("--snapshot-levels", "100", *PATIENT, rate=300, sim_flags=("--walk", "4"))
        self.fault("rest-slow", n=100000, ms=1500)
        for _ in range(8 if bookcast_test.LONG else 4):
            self.forget()
            self.heard.wait(lambda m: m.channel == "book" and m.state in FIT and "edge" in m.flags and
                            min(map(len, m.body)) < LEVELS, "a fit book that ends at its edge")
            self.assert_no_lie_when_paused()
        self.fault("clear")
        self.wait_live()
        self.assert_true_when_paused()
        wait_until(lambda: self.counter("edges_reached_total") > 0, "edges, counted")

    @on_spot
    def test_snapshots_that_are_late(self):
        self.no_lie_while("rest-slow", n=N, ms=700)

    @on_spot
    def test_snapshots_that_fail(self):
        # After some failures in a row it asks less and less often.
        self.no_lie_while("rest-fail", n=4)
        wait_until(lambda: self.counter("snapshot_failures_total") == 4, "failures, counted")

    @on_spot
    def test_snapshots_that_are_cut(self):
        self.no_lie_while("rest-garbage", n=4)
        wait_until(lambda: self.counter("snapshot_failures_total") == 4, "failures, counted")

    @on_spot
    def test_the_exchange_is_killed(self):
        self.begin_live()
        self.sim.kill()
        self.wait_state(self.canary, "stale", "disconnected")
        port = self.sim.ready["rest"].rsplit(":", 1)[1]
        # The same market begins again: its numbers are lower than those of the books that were.
        self.sim = self.start_sim(*self.sim_flags, "--listen", f"127.0.0.1:{port}")
        self.wait_live()
        self.assert_true_when_paused()

    @on_spot
    def test_the_gateway_is_killed(self):
        self.begin_live()
        self.gateway.kill()
        wait_until(lambda: not self.fit(), "the cache misses the gateway")
        self.gateway = self.start_gateway(self.sim, *self.gateway_flags)
        self.wait_live()
        self.assert_true_when_paused()


class SpotTest(Faults, bookcast_test.Case):
    exchange = "binance-spot"
    lines = {"legacy": "stream"}
    weight = 20 + 5 * 25  # the list and five snapshots a minute


class UsdmTest(Faults, bookcast_test.Case):
    exchange = "binance-usdm"
    lines = {"public": "public", "market": "market"}
    weight = 1 + 5 * 10


if __name__ == "__main__":
    bookcast_test.main(together=3)
