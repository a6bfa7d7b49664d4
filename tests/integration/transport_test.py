"""Who carries the WebSocket makes no difference: true books over libwebsockets and over our own framing, in
the clear and over TLS, plain and compressed; and what cannot be had together is refused."""
import bookcast_test
from bookcast_test import control, holes, truth, wait_until

SYMBOLS = ("KRW-BTC", "KRW-ETH")


class Transport(bookcast_test.Case):
    def books_are_true(self, sim_flags, *gateway_flags):
        """A fresh market's books; the gateway."""
        sim = self.start_sim("--symbols", "10", "--rate", "3000", *sim_flags)
        instance = str(len(self.processes))
        gateway = self.start_gateway(sim, "--instance", instance, "--log-level", "debug", *gateway_flags,
                                     symbols=",".join(SYMBOLS))
        everything = self.subscribe("", endpoint=gateway.ready["endpoints"][0])
        everything.wait(lambda m: m.channel == "book" and m.seq > 5, "some books")
        control(sim, "pause")
        for symbol in SYMBOLS:
            bids, asks = truth(sim, symbol)

            def right():
                everything.socket.poll(10)
                everything.drain()
                newest = [m for m in everything.heard if m.topic == f"upbit.{symbol}.book"][-1]
                n, k = len(newest.body[0]), len(newest.body[1])
                return n and newest.body == (bids[:n], asks[:k])
            wait_until(right, f"the true book of {symbol}: {sim_flags} {gateway_flags}")
        self.assertEqual(holes(everything.heard), [])
        return gateway

    def test_books_are_true_over_libwebsockets(self):
        self.assertIn("name=lws", self.books_are_true([], "--transport", "lws").err)
        self.books_are_true(["--plain"], "--transport", "lws")

    def test_books_are_true_over_our_own_framing(self):
        self.assertIn("name=direct", self.books_are_true([], "--transport", "direct").err)
        self.books_are_true(["--plain"], "--transport", "direct")

    def test_books_are_true_compressed(self):
        for how in ("on", "no-context"):
            gateway = self.books_are_true(["--compression", how], "--compression")
            self.assertRegex(gateway.err, "ws.opened .*compression=permessage-deflate", how)

    def test_an_exchange_may_decline_to_compress(self):
        gateway = self.books_are_true(["--plain"], "--compression")
        self.assertRegex(gateway.err, "ws.opened .*compression=none")
        gateway = self.books_are_true(["--plain", "--compression", "on"])  # nobody asked
        self.assertRegex(gateway.err, "ws.opened .*compression=none")

    def test_libwebsockets_does_not_compress(self):
        status, _, err = self.run_program("bookcast-gateway", "--exchange", "upbit", "--symbols", "KRW-BTC",
                                          "--transport", "lws", "--compression", "--check")
        self.assertNotEqual(status, 0)
        self.assertIn("compression", err)
        self.assertIn("not with transport lws", err)


if __name__ == "__main__":
    bookcast_test.main()
