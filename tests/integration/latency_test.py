"""What is said of delays adds up: counts with the messages, quantiles with each other, the last
minute with what was counted since the start. Not one of them is compared with a time of ours."""
import re
import time
import urllib.request

import bookcast_test

N = 5
HOPS = ["exchange_receive", "receive_publish", "publish_receive"]
SAMPLE = re.compile(r'^(\w+?)(?:\{(.*)\})? (\S+)$')


def scrape(process):
    """{(name, labels as a frozenset): value}"""
    with urllib.request.urlopen(f"http://{process.ready['metrics']}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    found = {}
    for line in lines:
        if not line.startswith("#"):
            name, labels, value = SAMPLE.match(line).groups()
            found[name, frozenset(re.findall(r'(\w+)="([^"]*)"', labels or ""))] = float(value)
    return found


def total(metrics, name):
    return sum(value for (n, _), value in metrics.items() if n == name)


class LatencyTest(bookcast_test.Case):
    def latency(self, *arguments):
        status, lines, err = self.cli_json("latency", *arguments)
        self.assertEqual((status, err), (0, ""))
        return {line["hop"]: line for line in lines}

    def check_histograms(self, metrics, name):
        """Of every series the buckets grow up to the count."""
        series = {}
        for (n, labels), value in metrics.items():
            if n == f"{name}_bucket":
                bound = dict(labels)["le"]
                rest = frozenset(pair for pair in labels if pair[0] != "le")
                series.setdefault(rest, []).append((float(bound), value))
        self.assertGreater(len(series), 0, name)
        for labels, buckets in series.items():
            counts = [value for _, value in sorted(buckets)]
            self.assertEqual(counts, sorted(counts), labels)
            self.assertEqual(counts[-1], metrics[f"{name}_count", labels], labels)
            self.assertLess(len(buckets), 30)
            longest = min(bound for bound, value in buckets if value == counts[-1])
            self.assertLessEqual(metrics[f"{name}_sum", labels], counts[-1] * longest)

    def test_every_hop_adds_up(self):
        begin = time.time_ns()
        sim = self.start_sim("--symbols", N)
        gateway = self.start_gateway(sim, "--metrics", "127.0.0.1:0")
        cache = self.start_cache("--metrics", "127.0.0.1:0")
        self.wait_fit(N)
        bookcast_test.wait_until(
            lambda: all(self.latency().get(hop, {"count": 0})["count"] > 50 for hop in HOPS),
            "50 messages on every hop")
        bookcast_test.control(sim, "pause")

        def settled():
            """When nothing comes any more, a heartbeat tells what /metrics tells."""
            now, told = scrape(gateway), self.latency()
            return (total(now, "bookcast_exchange_receive_seconds_count") == told[HOPS[0]]["count"] and
                    total(now, "bookcast_receive_publish_seconds_count") == told[HOPS[1]]["count"])
        bookcast_test.wait_until(settled, lambda: f"equal counts: {self.latency()}")

        told, lasted = self.latency(), time.time_ns() - begin
        self.assertEqual(list(told), HOPS)
        for hop, line in told.items():
            values = [line[key] for key in ("p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns")]
            self.assertEqual(values, sorted(values), hop)
            self.assertGreaterEqual(values[0], 0, hop)
            self.assertLess(values[-1], lasted, hop)
            self.assertEqual(line["negative"], 0, f"{hop}: there is one clock")
            self.assertTrue(0 < line["window_ns"] <= lasted, line)
            self.assertEqual((line["exchange"], line["instance"], line["gone"]), ("upbit", "0", False))

        metrics = scrape(gateway)
        events = total(metrics, "bookcast_events_total")
        # What was the state at the subscription is no delay, and each symbol has that once a channel.
        self.assertTrue(events - 4 * N <= told[HOPS[0]]["count"] <= events, (events, told[HOPS[0]]))
        self.assertLessEqual(told[HOPS[1]]["count"], total(metrics, "bookcast_publish_total"))
        self.assertGreater(told[HOPS[1]]["count"], told[HOPS[0]]["count"], "every book has a bbo, too")
        self.check_histograms(metrics, "bookcast_exchange_receive_seconds")
        self.check_histograms(metrics, "bookcast_receive_publish_seconds")
        self.check_histograms(scrape(cache), "bookcast_publish_receive_seconds")

        def messages_cover_delays():
            """The cache copies its other counters to /metrics once a second."""
            heard = scrape(cache)
            return (0 < total(heard, "bookcast_publish_receive_seconds_count") <=
                    total(heard, "bookcast_cache_messages_total"))
        bookcast_test.wait_until(messages_cover_delays, "no more delays than messages")

        status, out, _ = self.cli("latency")
        self.assertEqual(status, 0)
        self.assertEqual(len(out.splitlines()), 1 + len(HOPS))
        self.assertEqual(list(self.latency("upbit.0")), HOPS)
        for nobody in ("upbit.1", "binance-spot", "up"):
            self.assertEqual(self.cli("latency", nobody)[0], 2, nobody)

    def test_without_a_cache_or_a_gateway_there_is_nothing(self):
        self.assertEqual(self.cli("latency", "--timeout", "200ms")[0], 2)
        self.start_cache()
        self.assertEqual(self.cli("latency")[0], 2)


if __name__ == "__main__":
    bookcast_test.main()
