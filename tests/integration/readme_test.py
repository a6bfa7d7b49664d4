"""What the README tells a stranger to do: its snippets as they stand there, on a running bus, and its links."""
import re
import subprocess

import bookcast_test
from bookcast_test import wait_until

README = (bookcast_test.SOURCE / "README.md").read_text()


def snippets(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.S | re.M)


class ReadmeTest(bookcast_test.Case):
    def setUp(self):
        super().setUp()
        self.sim = self.start_sim("--symbols", 3)
        self.start_gateway(self.sim)
        self.start_cache()
        self.wait_fit(3)

    def assert_prints(self, *command, what):
        """Runs what never ends by itself, until it has printed three such lines."""
        process = bookcast_test.Process(command, self.directory, self.environment, len(self.processes),
                                        cwd=bookcast_test.SOURCE)
        self.processes.append(process)
        process.expected = {0, -15, -2}  # a snippet has no signal handler
        wait_until(lambda: len(re.findall(what, process.out, re.M)) >= 3 or not process.running(),
                   lambda: f"{what!r} from {command}:\n{process.out}{process.err}")
        self.assertTrue(process.running(), process.out + process.err)

    def test_the_python_client(self):
        code, _ = snippets("python")
        self.assert_prints("/usr/bin/python3", "-B", "-c", code, what=r"^\d+ x [\d.]+ fit$")

    def test_python_without_a_library_in_ten_lines(self):
        _, code = snippets("python")
        self.assertLessEqual(len(code.strip().splitlines()), 10)
        self.assert_prints("/usr/bin/python3", "-B", "-c", code,
                           what=r"^upbit\.KRW-BTC\.bbo #\d+: bid \d+e-?\d+, ask \d+e-?\d+$")

    def test_the_c_library(self):
        code, = snippets("c")
        source, program = self.directory / "first.c", self.directory / "first"
        source.write_text(code)
        compile_, = (s for s in snippets("sh") if s.startswith("cc "))
        words = compile_.replace("$PWD/build/release", str(bookcast_test.BIN.parent)) \
            .replace("build/release", str(bookcast_test.BIN.parent)).split()
        words[words.index("first.c")] = str(source)
        words[words.index("first")] = str(program)
        sanitizers = "-fsanitize=address,undefined" if self.sanitized() else "-O2"
        subprocess.run([*words, sanitizers, "-Wall", "-Wextra", "-Werror"], check=True, cwd=bookcast_test.SOURCE)
        self.assert_prints(program, what=r"^\d+ x [\d.]+ fit$")

    def sanitized(self):
        symbols = subprocess.run(["ldd", bookcast_test.BIN / "bookcast"], capture_output=True, text=True, check=True)
        return "libasan" in symbols.stdout

    def test_the_command_line(self):
        lines = [line for block in snippets("sh") for line in block.splitlines() if "bin/bookcast " in line]
        self.assertEqual(len(lines), 6)
        for line in lines:
            arguments = line.split("#")[0].split()[1:]
            if arguments[0] == "watch":
                arguments += ["--count", "1"]
            status, out, err = self.cli(*arguments)
            self.assertEqual((status, err), (0, ""), line)
            self.assertGreater(len(out), 10, line)

    def test_links_lead_somewhere(self):
        for page in ("README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in
                                                       (bookcast_test.SOURCE / "docs").glob("*.md"))):
            path = bookcast_test.SOURCE / page
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
                if "://" not in target:
                    self.assertTrue((path.parent / target).exists(), f"{page}: {target}")


if __name__ == "__main__":
    bookcast_test.main()
