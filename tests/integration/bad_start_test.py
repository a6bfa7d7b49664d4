"""Programs that cannot start say so: one clear message, exit status 1, and no socket is left."""
import os
import socket
import subprocess

import bookcast_test

GOOD = "exchange: upbit\nsymbols: [KRW-BTC]\n"


class BadStartTest(bookcast_test.Case):
    def refused(self, program, *arguments, says, environment=None):
        status, out, err = self.run_program(program, *arguments, environment=environment)
        self.assertEqual(status, 1, f"{program} {arguments}: {err}")
        self.assertEqual(out, "", "a ready line although it does not start")
        for text in says:
            self.assertIn(text, err, f"{program} {arguments}")
        return err

    def write(self, text):
        path = self.directory / "bookcast.yaml"
        path.write_text(text)
        return path

    def test_configuration_files(self):
        rows = (  # what is added to a good file, what the message must name
            ("symbol: [KRW-ETH]\n", ("bookcast.yaml:3", "symbol", "symbols")),
            ("book:\n  levels: many\n", ("bookcast.yaml:4", "book.levels", "many")),
            ("book:\n  levels: 0\n", ("bookcast.yaml:4", "book.levels", "1", "1000")),
            ("book:\n  levels: 1001\n", ("bookcast.yaml:4", "book.levels", "1000")),
            ("book:\n  levels: [1]\n", ("bookcast.yaml:", "book.levels")),
            ("feed:\n  silent_after: 5\n", ("bookcast.yaml:4", "feed.silent_after", "5s")),
            ("bus:\n  allow_insecure: perhaps\n", ("bookcast.yaml:4", "bus.allow_insecure", "perhaps")),
            ("exchange: binance\n", ("bookcast.yaml:3", "exchange")),
            ("book: {levels: 5\n", ("bookcast.yaml:",)),
            ("log:\n  level: loud\n", ("log.level", "loud", "debug")),
        )
        for added, says in rows:
            with self.subTest(added):
                path = self.write(GOOD + added)
                self.refused("bookcast-gateway", "--config", path, says=says)
                self.refused("bookcast-gateway", "--config", path, "--check", says=says)

    def test_files_that_cannot_be_read(self):
        self.refused("bookcast-gateway", "--config", "/no/such/file.yaml",
                     says=("/no/such/file.yaml", "No such file"))
        self.refused("bookcast-gateway", "--config", self.directory, says=(str(self.directory),))
        path = self.directory / "bytes.yaml"
        path.write_bytes(b"exchange: up\xffbit\0\n")
        self.refused("bookcast-gateway", "--config", path, says=("bytes.yaml",))

    def test_what_is_missing_is_asked_for_with_examples(self):
        self.refused("bookcast-gateway", "--exchange", "upbit", says=("symbols", "KRW-BTC", "KRW-ETH"))
        self.refused("bookcast-gateway", "--symbols", "KRW-BTC", says=("exchange", "upbit"))

    def test_exchanges_symbols_and_channels(self):
        rows = (
            (("--exchange", "upbitt", "--symbols", "KRW-BTC"), ("upbitt", "upbit")),
            (("--exchange", "upbit", "--symbols", "krw-btc"), ("krw-btc", "KRW-BTC")),
            (("--exchange", "upbit", "--symbols", "@KRW-BTC"), ("@KRW-BTC", "'@'")),
            (("--exchange", "upbit", "--symbols", "KRW-" + "B" * 240), ("KRW-BBB",)),
            (("--exchange", "upbit", "--symbols", "KRW-BTC", "--channels", "books"), ("books", "book")),
            (("--exchange", "upbit", "--symbols", "KRW-BTC", "--channels", "candle-7m"), ("candle-7m",)),
            (("--exchange", "upbit", "--symbols", "KRW-BTC", "--instance", "a.b"), ("instance", "a.b")),
            (("--exchange", "upbit", "--symbols", "KRW-BTC", "--feed-format", "XML"), ("XML", "SIMPLE")),
            (("--exchange", "upbit", "--symbols", "KRW-BTC", "--trade-source", "agg"), ("trade_source: 'agg'", "aggregated")),
            (("--exchange", "upbit", "--symbols", "KRW-BTC", "--trade-source", "raw"), ("trade_source", "agg")),
            (("--exchange", "upbit", "--symbols", "KRW-BTC", "--book-source", "partial"), ("book.source: 'partial'",)),
            (("--exchange", "upbit", "--symbols", "KRW-BTC", "--book-speed", "100ms"), ("book.speed: '100ms'",)),
            (("--exchange", "upbit", "--symbols", "KRW-BTC", "--levels", "500", "--max-levels", "100", "--snapshot-levels",
              "100"), ("book.levels: '500'", "book.max_levels")),
            (("--exchange", "upbit", "--symbols", "KRW-BTC", "--snapshot-levels", "20000"),
             ("book.snapshot_levels: '20000'", "book.max_levels")),
            (("--exchange", "upbit", "--symbols", "KRW-BTC", "--weight-percent", "101"), ("rest.weight_percent", "100")),
            (("--exchange", "binance-spot", "--symbols", "BTCUSDT", "--snapshot-levels", "5000", "--weight-percent", "4"),
             ("rest.weight_percent: '4'", "240", "250")),
            (("--exchange", "binance-spot", "--symbols", "BTCUSDT", "--book-speed", "5ms"), ("book.speed: '5ms'",)),
            (("--exchange", "upbit", "--symbols", "KRW-BTC", "--ws-url", "http://x"), ("ws_url", "http://x")),
            (("--exchange", "upbit", "--symbols", "KRW-BTC", "--ca-file", "/no/such.pem"), ("/no/such.pem",)),
        )
        for arguments, says in rows:
            with self.subTest(arguments[2:]):
                self.refused("bookcast-gateway", *arguments, says=says)

    def test_addresses(self):
        gateway = ("bookcast-gateway", "--exchange", "upbit", "--symbols", "KRW-BTC")
        rows = (
            ((*gateway, "--metrics", "nonsense"), ("metrics.listen", "nonsense", "127.0.0.1:9100")),
            ((*gateway, "--metrics", "127.0.0.1:70000"), ("metrics.listen", "70000")),
            ((*gateway, "--bind", "tcp://127.0.0.1"), ("bus.bind", "tcp://127.0.0.1:0")),
            ((*gateway, "--bind", "tcp://127.0.0.1:65536"), ("bus.bind", "65536")),
            (("bookcast-cache", "--metrics", ":9100"), ("metrics.listen", ":9100")),
            (("bookcast-cache", "--bind", "127.0.0.1:1"), ("cache.bind", "tcp://")),
            (("bookcast-cache", "--gateways", "10.0.0.5:7001"), ("gateways", "10.0.0.5:7001", "tcp://")),
            (("bookcast-cache", "--gateways", "ipc://relative"), ("gateways", "ipc://relative")),
        )
        for arguments, says in rows:
            with self.subTest(arguments):
                self.refused(*arguments, says=says)
                self.refused(*arguments, "--check", says=says)

    def test_flags_and_environment(self):
        for program in ("bookcast-gateway", "bookcast-cache", "bookcast-sim", "bookcast-decode"):
            with self.subTest(program):
                self.refused(program, "--frobnicate", says=("--frobnicate",))
        self.refused("bookcast-cache", "surplus", says=("surplus",))
        self.refused("bookcast-gateway", "--levels", "many", says=("levels", "many"))
        self.refused("bookcast-gateway", environment={"BOOKCAST_BOOK__LEVELS": "many"},
                     says=("BOOKCAST_BOOK__LEVELS", "many"))
        status, _, err = self.cli("frobnicate")
        self.assertEqual(status, 1)
        self.assertIn("frobnicate", err)
        status, _, err = self.cli("get", "upbit", "KRW-BTC", "--channel", "books")
        self.assertEqual(status, 1)
        self.assertIn("books", err)

    def test_ports_that_are_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            gateway = ("bookcast-gateway", "--exchange", "upbit", "--symbols", "KRW-BTC")
            self.refused(*gateway, "--metrics", f"127.0.0.1:{port}", says=(str(port), "in use"))
            self.refused(*gateway, "--bind", f"tcp://127.0.0.1:{port}", says=(str(port), "in use"))
            self.refused("bookcast-cache", "--bind", f"tcp://127.0.0.1:{port}", says=(str(port), "in use"))
            self.refused("bookcast-sim", "--exchange", "upbit", "--listen", f"127.0.0.1:{port}",
                         says=(str(port), "in use"))
        self.assertEqual(self.sockets(), [])

    def sockets(self):
        return sorted(p.name for p in self.run_dir.iterdir() if p.is_socket())

    def test_a_bind_that_anybody_could_read(self):
        self.refused("bookcast-gateway", "--exchange", "upbit", "--symbols", "KRW-BTC", "--bind",
                     "tcp://0.0.0.0:0", says=("0.0.0.0", "allow_insecure"))
        self.refused("bookcast-cache", "--bind", "tcp://0.0.0.0:0", says=("0.0.0.0", "allow_insecure"))
        self.refused("bookcast-cache", "--bind", "tcp://0.0.0.0:0", "--check",
                     says=("0.0.0.0", "allow_insecure"))

    def test_sockets_that_another_process_owns(self):
        sim = self.start_sim("--symbols", 1)
        gateway = self.start_gateway(sim)
        cache = self.start_cache()
        self.wait_fit(1)
        self.refused("bookcast-gateway", "--exchange", "upbit", "--symbols", "KRW-BTC",
                     says=("upbit.0", str(gateway.pid)))
        self.refused("bookcast-cache", says=("cache", str(cache.pid)))
        # And the owners have not noticed.
        self.wait_fit(1)
        self.assertEqual(self.sockets(), ["cache.rpc", "upbit.0.ctl", "upbit.0.pub"])
        for process in (gateway, cache):
            self.assertEqual(process.stop(), 0)
        self.assertEqual(self.sockets(), [], "who ends takes its sockets along")

    def test_a_run_directory_that_cannot_be_used(self):
        path = self.directory / "file"
        path.touch()
        self.refused("bookcast-cache", "--run-dir", path, says=(str(path),))
        self.refused("bookcast-cache", "--run-dir", "/" + "x" * 120, says=("xxx",))

    def test_the_decoder(self):
        status, _, err = self.run_program("bookcast-decode", "upbitt", stdin="")
        self.assertEqual(status, 1)
        self.assertIn("upbitt", err)
        status, _, err = self.run_program("bookcast-decode", "upbit", "/no/such/file")
        self.assertEqual(status, 1)
        self.assertIn("/no/such/file", err)


if __name__ == "__main__":
    bookcast_test.main()
