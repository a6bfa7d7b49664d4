"""A model market of 200 symbols: what the cache holds is the truth, and memory stays flat."""
import time

import bookcast_test

N = 200
LEVELS = 30  # a side, as many as Upbit sends
SECONDS = 60 if bookcast_test.LONG else 10
WARM_UP = SECONDS / 3
# Flat: what a gateway may grow by after the warm-up, in KiB. It is 200 books, and nothing should grow
# at all; this is room for the allocator's pages and the sanitizer's.
GROWTH = 4096


class MarketTest(bookcast_test.Case):
    def test_every_cached_book_is_true_and_memory_is_flat(self):
        self.environment |= bookcast_test.LEAN
        sim = self.start_sim("--symbols", N)
        everything = self.subscribe("upbit.")
        gateway = self.start_gateway(sim)
        cache = self.start_cache()
        self.wait_fit(N, seconds=60)

        n, sizes, started = 0, [], time.monotonic()
        while time.monotonic() - started < SECONDS:
            everything.socket.poll(100)
            heard = everything.drain()
            n += len(heard)
            self.assertEqual([m for m in heard if m.state == "stale"], [])
            if time.monotonic() - started > WARM_UP:
                sizes.append((gateway.resident_kib(), cache.resident_kib()))
        self.assertEqual(bookcast_test.holes(everything.heard), [])
        (gateway_first, cache_first), (gateway_last, cache_last) = sizes[0], sizes[-1]
        print(f"{n} messages in {SECONDS} s; gateway {gateway_first} -> {gateway_last} KiB, "
              f"cache {cache_first} -> {cache_last} KiB after {WARM_UP:.0f} s of warm-up")
        self.assertGreater(n, 10 * SECONDS)
        self.assertLess(gateway_last - gateway_first, GROWTH, "the gateway's memory grows")
        self.assertLess(cache_last - cache_first, GROWTH, "the cache's memory grows")

        bookcast_test.control(sim, "pause")
        symbols = sorted({m.topic.split(".")[1] for m in everything.heard if m.channel == "book"})
        self.assertEqual(len(symbols), N)
        wrong = {}

        def all_true():
            cached = self.cached("upbit.")
            for symbol in symbols if not wrong else list(wrong):
                true, got = bookcast_test.truth(sim, symbol), cached[symbol].message.body
                if got == tuple(side[:LEVELS] for side in true):
                    wrong.pop(symbol, None)
                else:
                    wrong[symbol] = f"{got} is not {true}"
            return not wrong
        bookcast_test.wait_until(all_true, lambda: f"every cached book is true; wrong: {wrong}")


if __name__ == "__main__":
    bookcast_test.main()
