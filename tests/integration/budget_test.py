"""The gateways of a machine share what an exchange allows its address: whatever is asked of them at
run time, whoever is killed, the exchange has nothing to complain about."""
import json
import os
import random
import time
import unittest
import urllib.request

import bookcast_test
from bookcast_test import LONG, ask, control, http, wait_until

SHARDS = 4
SYMBOLS = 24


class BudgetTest(bookcast_test.Case):
    def begin(self, exchange, *how):
        self.exchange = exchange
        self.random = random.Random(exchange)
        self.sim = self.start_sim("--symbols", str(SYMBOLS), "--rate", "60", "--enforce-limits", *how)
        names = [t["symbol"] for t in bookcast_test.true_states(self.sim)]
        self.wanted = {name: i % 2 == 0 for i, name in enumerate(sorted(names))}
        self.gateways = [self.start_shard(i) for i in range(SHARDS)]
        self.start_cache()

    def start_shard(self, index):
        first = ",".join(name for name, wanted in self.wanted.items() if wanted)
        return self.start_gateway(self.sim, "--shard", f"{index}/{SHARDS}", symbols=first)

    def ctl(self, gateway, *words):
        reply = ask(self.context, gateway.ready["ctl"], ["BC1", *words])
        return int(reply[1])

    def change(self):
        name = self.random.choice(sorted(self.wanted))
        self.wanted[name] = not self.wanted[name]
        verb = "WANT" if self.wanted[name] else "REMOVE"
        for gateway in self.gateways:
            self.assertIn(self.ctl(gateway, verb, name), (200, 404), f"{verb} {name}")

    def opened(self, gateway):
        return gateway.err.count("event=ws.opened")

    def reconnect(self):
        """One of them, or all at once; only who is connected can be made to connect anew."""
        chosen = self.gateways if self.random.random() < 0.2 else [self.random.choice(self.gateways)]
        before = [(g, self.opened(g)) for g in chosen]
        for gateway in chosen:
            self.assertEqual(self.ctl(gateway, "RECONNECT"), 200)
        for gateway, n in before:
            wait_until(lambda: self.opened(gateway) > n, "the new connection", 180)
        return len(chosen)

    def hurry(self, changes, reconnects, kill):
        done = 0
        for i in range(changes):
            self.change()
            if done * changes < reconnects * i:
                done += self.reconnect()
            if kill and i == changes // 2:
                self.gateways[1].kill()
                self.gateways[1] = self.start_shard(1)
                self.sync_wishes(self.gateways[1])
            if self.random.random() < 0.3:
                time.sleep(self.random.random() * 0.05)  # bursts, and gaps between them
        while done < reconnects:
            done += self.reconnect()

    def sync_wishes(self, gateway):
        """Those that were removed, and added, since its configuration was written."""
        for name, wanted in self.wanted.items():
            self.assertIn(self.ctl(gateway, "WANT" if wanted else "REMOVE", name), (200, 404))

    def expect_no_complaint(self):
        wanted = {name for name, wish in self.wanted.items() if wish}
        wait_until(lambda: {name for name, a in self.cached(f"{self.exchange}.").items()
                            if a.state in bookcast_test.FIT} >= wanted,
                   "all that is wanted is fit", 300 if LONG else 120)
        said = json.loads(http(self.sim, "GET", "/limits")[1])
        self.assertEqual(said["violations"], 0, json.dumps(said, indent=1))
        for gateway in self.gateways:
            self.assertNotIn("budget.alone", gateway.err)
            self.assertNotIn("budget.damaged", gateway.err)
        self.assertEqual(self.sim.stop(), 0)
        last = json.loads(self.sim.out.splitlines()[-1])
        self.assertEqual(last["violations"], 0)
        self.assertGreater(last["rules"][0]["events"], SHARDS)
        return last

    def limits_kept(self, exchange):
        changes, reconnects = (1000, 50) if LONG else (40, 5)
        self.begin(exchange)
        self.hurry(changes, reconnects, kill=True)
        last = self.expect_no_complaint()
        if LONG:
            print(exchange, json.dumps(last))

    def test_upbit(self):
        self.limits_kept("upbit")

    @unittest.skipUnless(LONG, "as Upbit, whose limits are the narrowest; set BOOKCAST_LONG")
    def test_binance_spot(self):
        self.limits_kept("binance-spot")

    @unittest.skipUnless(LONG, "as Upbit, whose limits are the narrowest; set BOOKCAST_LONG")
    def test_binance_usdm(self):
        self.limits_kept("binance-usdm")

    def test_a_ban_of_one_is_obeyed_by_all(self):
        self.begin("binance-spot")
        self.wait_metric(self.gateways[0], "budget_gateways", lambda n: n == SHARDS)
        self.calm()
        control(self.sim, "fault", name="rest-fail", n=1, status=418, retry_after=10)
        before_the_ban = time.monotonic()
        self.assertEqual(self.ctl(self.gateways[2], "RESYNC", "*"), 200)
        wait_until(lambda: any("rest.banned" in g.err for g in self.gateways), "the ban")
        after = self.calm()  # what was under way beside it has been answered
        for gateway in self.gateways:
            self.ctl(gateway, "RESYNC", "*")
        asked = after
        while time.monotonic() < before_the_ban + 10:  # it cannot be over before
            self.assertEqual(asked, after, "somebody has asked during the ban")
            asked = self.asked()
        wait_until(lambda: self.asked() > after, "the end of the ban")
        for gateway in self.gateways:
            self.wait_metric(gateway, "budget_cuts_total", lambda n: n == 1)

    def calm(self):
        """Waits until nothing has been asked for a while; how much was, until then."""
        seen = [None, 0]

        def still():
            now = self.asked()
            if now != seen[0]:
                seen[:] = [now, time.monotonic()]
            return time.monotonic() - seen[1] > 1
        wait_until(still, "a second without a request")
        return seen[0]

    def asked(self):
        rules = json.loads(http(self.sim, "GET", "/limits")[1])["rules"]
        return [r["events"] for r in rules if r["name"] == "weight"][0]

    def test_one_that_cannot_share_goes_on_alone_and_says_so(self):
        (self.run_dir / "upbit.budget").mkdir()
        self.exchange = "upbit"
        sim = self.start_sim("--symbols", "4")
        gateway = self.start_gateway(sim, "--metrics", "127.0.0.1:0")
        gateway.wait_log("event=budget.alone .*upbit.budget")
        self.wait_metric(gateway, "budget_shared", lambda n: n == 0)
        self.start_cache()
        self.wait_fit(4)
        os.rmdir(self.run_dir / "upbit.budget")
        gateway.wait_log("event=budget.shared")
        self.wait_metric(gateway, "budget_shared", lambda n: n == 1)
        self.assertEqual((self.run_dir / "upbit.budget").stat().st_mode & 0o777, 0o660)

    def start_gateway(self, sim, *arguments, **options):
        if "--metrics" not in arguments:
            arguments += ("--metrics", "127.0.0.1:0")
        return super().start_gateway(sim, *arguments, **options)

    def wait_metric(self, gateway, name, condition):
        def value():
            with urllib.request.urlopen(f"http://{gateway.ready['metrics']}/metrics", timeout=bookcast_test.DEADLINE) as answer:
                text = answer.read().decode()
            return [float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                    if line.startswith(f"bookcast_{name}{{")][0]
        return wait_until(lambda: condition(value()), lambda: f"{name}, now {value()}")


if __name__ == "__main__":
    bookcast_test.main(together=3)
