"""Runs every scenario of bookcast-bench that is one process for a moment and looks at what it says: every
scenario there, every row with its keys, ratios that are the quotient they say they are. No figure is judged."""

import json
import math
import os
import pathlib
import subprocess
import sys

BENCH = pathlib.Path(os.environ["BOOKCAST_BIN"]) / "bookcast-bench"
GROUPS = ("websocket", "decode", "book", "encode", "publish", "path", "latest")
KEYS = {"type", "stage", "scenario", "variant", "unit", "value", "floor_name", "floor", "ratio", "ratio_low",
        "ratio_high", "target", "at_most", "aim", "verdict", "curve", "x", "note"}
RUN_KEYS = {"type", "date", "build", "compiler", "flags", "optimized", "cpu", "cores", "kernel", "libraries",
            "quick", "captures", "rounds", "seconds"}
failures = []


def expect(good, what):
    if not good:
        failures.append(what)


def run(*arguments, status=0):
    environment = {k: v for k, v in os.environ.items() if k != "BOOKCAST_CAPTURES"}
    done = subprocess.run([BENCH, *arguments], capture_output=True, text=True, env=environment, timeout=580)
    expect(done.returncode == status, f"{arguments}: exit status {done.returncode}: {done.stderr}")
    return done


def scenarios():
    """The names that --list tells of our groups."""
    names, group = [], ""
    for line in run("--list").stdout.splitlines():
        if not line.startswith(" "):
            group = line.split(":")[0]
        elif group in GROUPS:
            names.append(line.split()[0])
    return names


def check_row(row):
    what = f"{row.get('scenario')} {row.get('variant')}"
    expect(set(row) == KEYS, f"{what}: keys {sorted(set(row) ^ KEYS)}")
    if row["type"] == "left out":
        expect(row["note"], f"{what}: left out, and does not say why")
        return
    expect(row["value"] > 0, f"{what}: value {row['value']}")
    expect((row["floor_name"] is None) == (row["ratio"] is None), f"{what}: a ratio needs a floor")
    if row["ratio"] is not None:
        expect(row["ratio_low"] <= row["ratio"] <= row["ratio_high"], f"{what}: ratio out of its quartiles")
        # With one round the ratio is the quotient; units that are rates turn it round.
        quotient = row["value"] / row["floor"]
        expect(any(math.isclose(row["ratio"], q, rel_tol=1e-3) for q in (quotient, 1 / quotient)),
               f"{what}: ratio {row['ratio']} of {row['value']} and {row['floor']}")
    if row["target"] is not None:
        judged = row["value"] if row["ratio"] is None else row["ratio"]
        unsure = row["ratio"] is not None and row["ratio_low"] <= row["at_most"]
        want = ("aim" if judged <= row["aim"] else "met" if judged <= row["at_most"] else
                "unsure" if unsure else "missed")
        expect(row["verdict"] == want, f"{what}: {judged} is {want}, and it says {row['verdict']}")


def check_json():
    only = [word for group in GROUPS for word in ("--only", group)]
    lines = run("--quick", "--rounds", "1", "--seconds", "0.002", "--json", *only).stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    expect(set(rows[0]) == RUN_KEYS and rows[0]["type"] == "run", f"the first line: {rows[0]}")
    expect(rows[-1] == {"type": "end", "rows": len(rows) - 2, "errors": 0}, f"the last line: {rows[-1]}")
    told = {row["scenario"] for row in rows[1:-1]}
    for name in scenarios():
        expect(name in told, f"{name} says nothing")
    for row in rows[1:-1]:
        check_row(row)
    return len(rows) - 2


def check_usage():
    table = run("--quick", "--only", "encode.book").stdout
    expect("encode.book" in table and "Targets:" in table, f"the table: {table}")
    expect("did you mean 'decode'" in run("--only", "decod", status=1).stderr, "a misspelt group")
    for wrong in (["--rounds", "0"], ["--seconds", "nan"], ["decode"], ["--what"]):
        expect(run(*wrong, status=1).stderr != "", f"{wrong}: says nothing")
    full = run("--quick", "--only", "encode.book", "--save", "/dev/full", status=1)
    expect("/dev/full" in full.stderr, f"a full disk: {full.stderr}")


def main():
    n = check_json()
    check_usage()
    print("\n".join(failures) or f"{n} rows are in order")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
