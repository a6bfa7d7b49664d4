"""What the checks of `bookcast decode` on recorded frames share: the recordings themselves, exact
numbers, and the count of what did not hold."""

import decimal
import os
import pathlib
import subprocess
import sys

D = decimal.Decimal
DIGITS = frozenset("-.0123456789")
DECODE = pathlib.Path(os.environ["BOOKCAST_BIN"]) / "bookcast-decode"
_failures = []


def expect(good, what):
    if good:
        return
    _failures.append(what)
    print(f"FAILED: {what}")
    if len(_failures) > 20:
        sys.exit(1)


def finish(summary):
    print(f"{summary}, {len(_failures)} failures")
    sys.exit(1 if _failures else 0)


def captures():
    """The directory of the recordings; ends the check where there is none."""
    directory = os.environ.get("BOOKCAST_CAPTURES")
    if not directory:
        print("skipped: BOOKCAST_CAPTURES is not set")
        sys.exit(0)
    return pathlib.Path(directory)


def unpacked(path):
    if path.suffix != ".zst":
        return path.read_bytes()
    return subprocess.run(["zstd", "-dcq", path], check=True, capture_output=True).stdout


def lines_of(path):
    return unpacked(path).decode().splitlines()


def plain(text):
    """A decimal of ours: digits only, nothing superfluous."""
    if not isinstance(text, str) or not DIGITS.issuperset(text):
        expect(False, f"decimal {text!r}")
    if "." in text and text[-1] in "0.":
        expect(False, f"trailing zeros: {text}")
    return D(text)
