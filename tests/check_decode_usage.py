#!/usr/bin/python3
"""bookcast decode and bookcast exchanges used wrongly, or on files that are broken: the exit status
is 1, standard error says what would be right, and what was understood before is printed."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

BIN = pathlib.Path(os.environ["BOOKCAST_BIN"])
TRADE = (b'{"type":"trade","code":"KRW-BTC","timestamp":1773240059120,"trade_price":1.0346E8,'
         b'"trade_volume":0.004,"ask_bid":"ASK","sequential_id":17732400590950000}\n')
failures = []


def run(program, *arguments, stdin=b""):
    return subprocess.run([BIN / program, *arguments], input=stdin, capture_output=True,
                          check=False, timeout=30)


def expect(done, status, stderr, lines, what):
    if done.returncode != status:
        failures.append(f"{what}: exit status {done.returncode}, not {status}")
    if (stderr is None and done.stderr) or (stderr and stderr.encode() not in done.stderr):
        failures.append(f"{what}: {stderr!r} is not in {done.stderr!r}")
    if lines is not None and len(done.stdout.splitlines()) != lines:
        failures.append(f"{what}: {len(done.stdout.splitlines())} lines, not {lines}")


WRONG = [
    ([], "usage:"),
    (["upbit", "a", "b"], "usage:"),
    (["upbitt"], "did you mean 'upbit'"),
    (["nobody"], "unknown exchange 'nobody'"),
    (["upbit", "--depth", "0"], "--depth '0'"),
    (["upbit", "--depth", "1x"], "--depth '1x'"),
    (["upbit", "--depth"], "--depth"),
    (["upbit", "--times", "utc"], "ns or iso"),
    (["upbit", "--snapshot", "KRW-BTC"], "SYMBOL=FILE"),
    (["upbit", "--snapshot", "=x"], "SYMBOL=FILE"),
    (["upbit", "--snapshot", "KRW-BTC=/nonexistent"], "No such file"),
    (["upbit", "--jsn"], "--help"),
    (["upbit", "/nonexistent/file"], "No such file"),
    (["upbit", "/tmp"], "directory"),
]


def main():
    for arguments, stderr in WRONG:
        expect(run("bookcast-decode", *arguments), 1, stderr, 0, f"decode {arguments}")
    built = run("bookcast", "--version").stdout.partition(b" ")[2]
    for program in ("bookcast-decode", "bookcast-exchanges", "bookcast-sim", "bookcast-gateway",
                    "bookcast-cache"):
        expect(run(program, "--help"), 0, None, None, f"{program} --help")
        done = run(program, "--version")
        expect(done, 0, None, 1, f"{program} --version")
        if done.stdout != program.encode() + b" " + built:
            failures.append(f"{program} --version: {done.stdout!r}")
    expect(run("bookcast-exchanges", "upbit"), 1, "usage:", 0, "exchanges upbit")

    packed = subprocess.run(["zstd", "-q", "-c"], input=TRADE * 3, capture_output=True,
                            check=True).stdout
    # What is given, status, a piece of standard error, lines on standard output.
    for what, given, status, stderr, lines in [
            ("nothing", b"", 0, None, 0),
            ("no newline at the end", TRADE + TRADE[:-1], 0, None, 2),
            ("empty lines and CRLF", b"\n" + TRADE[:-1] + b"\r\n\n", 0, None, 1),
            ("a bad line between good ones", TRADE + b"what?\n" + TRADE, 1, "line 2: ", 2),
            ("zstd", packed, 0, None, 3),
            ("zstd twice in a row", packed + packed, 0, None, 6),
            ("zstd cut off", packed[:-4], 1, "cut off", None),
            ("zstd broken", packed[:12] + b"\0\0\0" + packed[15:], 1, "bookcast-decode: -", None),
            ("a terminal escape", b'{"type":"\\u001b[2J","code":"\x1b"}\n', 1, "line 1: ", 0)]:
        done = run("bookcast-decode", "upbit", "--json", stdin=given)
        expect(done, status, stderr, lines, what)
        if b"\x1b" in done.stderr:
            failures.append(f"{what}: an escape sequence reaches the terminal")

    with tempfile.NamedTemporaryFile(suffix=".json") as body:
        body.write(b"[]")
        body.flush()
        expect(run("bookcast-decode", "upbit", "--json", "--snapshot", f"KRW-BTC={body.name}",
                   stdin=TRADE), 0, None, 1, "a snapshot nobody asks for")
    iso = json.loads(run("bookcast-decode", "upbit", "--json", "--times", "iso", stdin=TRADE).stdout)
    if iso["ts_exchange"] != "2026-03-11T14:40:59.120000000Z":
        failures.append(f"--times iso: {iso['ts_exchange']}")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([BIN / "bookcast-decode", "upbit"], input=TRADE, stdout=full,
                              stderr=subprocess.PIPE, check=False)
        expect(subprocess.CompletedProcess([], done.returncode, b"", done.stderr), 1,
               "standard output", None, "a full disk")
    print("\n".join(failures) if failures else "decode: used wrongly in every way")
    return 1 if failures else 0


sys.exit(main())
