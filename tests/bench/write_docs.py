"""Writes the rows of build/bench.json into docs/PERFORMANCE.md, between its marks, and the curves as pictures
beside it, in docs/performance/.

    write_docs.py build/bench.json docs/PERFORMANCE.md
"""

import html
import json
import math
import pathlib
import sys

CURVES = {  # file: title, x axis, y axis, unit, curves (name, label), y of a target
    "cost-by-symbols": ("Cost of a message by the number of symbols", "symbols", "CPU, ns a message",
                        [("cost-by-symbols", "adapter, session, outlet")]),
    "cost-by-filters": ("Cost of a message by idle filters", "filters that match nothing", "CPU, ns a message",
                        [("cost-by-filters", "adapter, session, outlet; 100 symbols")]),
    "memory-by-symbols": ("Memory of a gateway by the number of symbols", "symbols", "resident, MiB",
                          [("memory-upbit", "Upbit, books of 30 levels"),
                           ("memory-binance", "Binance, books of 1,000 levels")]),
}
COLOURS = ("#1f6feb", "#bf5b04")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 400, 84, 28, 56, 64


# ---------------------------------------------------------------- pictures

def nice(limit):
    """About five round steps up to the limit or a little above."""
    step = 10 ** len(str(int(limit))) / 100
    while limit / step > 6:
        step = step * 2 if str(step).lstrip("0.")[0] in "15" else step * 2.5
    ticks, value = [], 0.0
    while value < limit + step * 0.999:
        ticks.append(value)
        value += step
    return ticks


def places(points):
    """Where each x stands: by its logarithm, and 0 a step below the smallest."""
    xs = sorted({x for curve in points for x, _ in curve})
    logs = {x: math.log10(x) if x > 0 else math.log10(min(v for v in xs if v > 0)) - 1 for x in xs}
    low, high = min(logs.values()), max(logs.values())
    width = WIDTH - LEFT - RIGHT - 48
    return {x: LEFT + 24 + width * (log - low) / ((high - low) or 1) for x, log in logs.items()}


def text(x, y, words, size=13, anchor="middle", more=""):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{more}>'
            f"{html.escape(words)}</text>")


def number(value):
    return f"{value:,.0f}" if value >= 10 else f"{value:,.1f}" if value % 1 else f"{value:,.0f}"


def picture(title, x_title, y_title, curves):
    """curves: [(label, [(x, y)])]"""
    where = places([points for _, points in curves])
    ticks = nice(max(y for _, points in curves for _, y in points) * 1.05)
    bottom = HEIGHT - BOTTOM

    def y_of(value):
        return bottom - (bottom - TOP) * value / ticks[-1]

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif" fill="#24292f">',
           f"<title>{html.escape(title)}</title>",
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
           text(LEFT, 26, title, 16, "start", ' font-weight="bold"')]
    for tick in ticks:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y_of(tick):.1f}" y2="{y_of(tick):.1f}" '
                   f'stroke="#d8dee4"/>')
        out.append(text(LEFT - 8, y_of(tick) + 4, number(tick), 12, "end"))
    for x, at in where.items():
        out.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{bottom}" y2="{bottom + 5}" stroke="#57606a"/>')
        out.append(text(at, bottom + 20, number(x), 12))
    out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom}" y2="{bottom}" stroke="#57606a"/>')
    out.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 18, x_title))
    middle = (TOP + bottom) / 2
    out.append(text(20, middle, y_title, 13, "middle", f' transform="rotate(-90 20 {middle:.1f})"'))
    for i, (label, points) in enumerate(curves):
        colour, key = COLOURS[i % len(COLOURS)], WIDTH - RIGHT
        path = " L".join(f"{where[x]:.1f} {y_of(y):.1f}" for x, y in points)
        out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        for x, y in points:
            out.append(f'<circle cx="{where[x]:.1f}" cy="{y_of(y):.1f}" r="4" fill="{colour}"/>')
            lower = any(at == x and other > y for _, curve in curves for at, other in curve)
            out.append(text(where[x], y_of(y) + (20 if lower else -10), number(y), 12, "middle",
                            f' fill="{colour}"'))
        out.append(text(key, 26 + 17 * i, label, 12, "end", f' fill="{colour}"'))
    return "\n".join(out + ["</svg>"]) + "\n"


def write_pictures(rows, directory):
    directory.mkdir(exist_ok=True)
    for name, (title, x_title, y_title, wanted) in CURVES.items():
        curves = [(label, sorted((row["x"], row["value"]) for row in rows if row["curve"] == curve))
                  for curve, label in wanted]
        curves = [(label, points) for label, points in curves if len(points) > 1]
        if curves:
            (directory / f"{name}.svg").write_text(picture(title, x_title, y_title, curves), encoding="utf-8")


# ---------------------------------------------------------------- the tables

def digits(value):
    if value is None:
        return ""
    size = abs(value)
    if size >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 9.995 else f"{value:.2f}"


def line(row):
    if row["type"] == "left out":
        return f"| | | {row['scenario']} {row['variant']} | | | left out: {row['note']} |"
    ratio = "" if row["ratio"] is None else f"**{digits(row['ratio'])}**"
    if row["ratio"] is not None and row["ratio_low"] < row["ratio_high"]:
        ratio += f" ({digits(row['ratio_low'])}..{digits(row['ratio_high'])})"
    target = "" if row["at_most"] is None else f"{digits(row['at_most'])} / {digits(row['aim'])}: {row['verdict']}"
    floor = "" if row["floor"] is None else f"{digits(row['floor'])} {row['floor_name']}"
    return (f"| {ratio} | {target} | {row['scenario']} {row['variant']} | {digits(row['value'])} {row['unit']} "
            f"| {floor} | {row['note'] or ''} |")


def tables(run, rows):
    captures = "with recorded messages" if run["captures"] else "model messages alone"
    out = [f"{run['cores']} x {run['cpu']}, {run['kernel']}; {run['compiler']}, {run['flags']}; {run['libraries']}.  ",
           f"{run['build']}, {run['date']}; {run['rounds']} rounds, {run['seconds']} s a row, {captures}."]
    if run["quick"]:
        out.append("\n**Made with --quick: these figures are rough.**")
    stage = None
    for row in rows:
        if row["stage"] != stage:
            stage = row["stage"]
            out += ["", f"### {stage}", "", "| ratio (quartiles) | at most / aim | what | bookcast | floor | |",
                    "|---|---|---|---|---|---|"]
        out.append(line(row))
    return "\n".join(out)


def replace(page, mark, words):
    begin, end = f"<!-- {mark}: written by tests/bench/run --docs -->", f"<!-- {mark}: end -->"
    if begin not in page or end not in page:
        sys.exit(f"write_docs: the page has no mark '{begin}'")
    head, rest = page.split(begin, 1)
    return head + begin + "\n" + words + "\n" + end + rest.split(end, 1)[1]


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    lines = [json.loads(line) for line in pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    run, rows = lines[0], lines[1:-1]
    page = pathlib.Path(sys.argv[2])
    page.write_text(replace(page.read_text(encoding="utf-8"), "table", tables(run, rows)), encoding="utf-8")
    write_pictures(rows, page.parent / "performance")
    print(f"{page}: {len(rows)} rows")


if __name__ == "__main__":
    main()
