"""The table in Markdown and the chart in SVG, from measured results."""

import math
import re

TITLES = {
    "logistic": "logistic regression", "softmax": "softmax regression", "mlp": "perceptron 784-256-128-10",
    "attention": "attention, one head", "block": "transformer block", "rosenbrock": "Rosenbrock", "gp": "Gaussian process",
}
NAMES = {"here": "here", "numpy": "NumPy", "jax": "JAX", "torch": "PyTorch", "torch-compiled": "PyTorch compiled"}


def size(row):
    return row["size"].replace("x", "×")


def time(seconds):
    milliseconds = 1e3 * seconds
    digits = max(0, 2 - math.floor(math.log10(milliseconds)))
    return f"{milliseconds:.{min(digits, 5)}f}"


def markdown(run):
    """All rows, with every peer's time."""
    peers = list(run["results"][0]["times"])
    lines = ["| workload | size | | threads | " + " | ".join(NAMES[p] for p in peers) + " | ratio |", "|---|---|---|---|" + "--:|" * (len(peers) + 1)]
    for row in run["results"]:
        cells = [TITLES[row["workload"]], size(row), row["precision"], str(row["threads"])]
        cells += [time(row["times"][peer]) for peer in peers] + [f"{row['ratio']:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def readme_table(run):
    """A line for each workload and size, with our time and the ratio for every precision and number of threads."""
    kinds = sorted({(r["precision"], r["threads"]) for r in run["results"]})
    found = {}
    for row in run["results"]:
        found.setdefault((row["workload"], size(row)), {})[row["precision"], row["threads"]] = row
    heads = [f"{precision}, {threads} thread{'s' * (threads > 1)}" for precision, threads in kinds]
    lines = ["| workload | size | " + " | ".join(heads) + " |", "|---|---|" + "---|" * len(kinds)]
    for (workload, shape), rows in found.items():
        cells = []
        for kind in kinds:
            row = rows.get(kind)
            cells.append(f"{time(row['times']['here'])} ms, **{row['ratio']:.2f}** {NAMES[row['best']]}" if row else "")
        lines.append(f"| {TITLES[workload]} | {shape} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


STYLE = """
 text { font: 12px system-ui, sans-serif; fill: #24292f } .faint { fill: #6e7781 } .grid { stroke: #d0d7de } .ours { stroke: #24292f }
 .numpy { fill: #0969da } .jax { fill: #8250df } .torch { fill: #cf222e } .torch-compiled { fill: #bf8700 }
 @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .faint { fill: #8d96a0 } .grid { stroke: #30363d } .ours { stroke: #e6edf3 }
 .numpy { fill: #58a6ff } .jax { fill: #bc8cff } .torch { fill: #ff7b72 } .torch-compiled { fill: #e3b341 } }"""


def chart(run, precision="f32", threads=1):
    """Times of the peers as multiples of ours, on a logarithmic axis, in the colours of the reader's theme."""
    rows = [r for r in run["results"] if (r["precision"], r["threads"]) == (precision, threads)]
    rows = rows or run["results"]
    precision, threads = rows[0]["precision"], rows[0]["threads"]
    rows = [r for r in rows if (r["precision"], r["threads"]) == (precision, threads)]
    peers = [p for p in rows[0]["times"] if p != "here"]
    multiples = [r["times"][p] / r["times"]["here"] for r in rows for p in peers]
    low, high = math.log10(min(0.5, *multiples) * 0.9), math.log10(max(2.0, *multiples) * 1.1)
    left, width, line, top = 250, 520, 26, 74
    place = lambda multiple: left + width * (math.log10(multiple) - low) / (high - low)
    bottom = top + line * len(rows)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 30}" height="{bottom + 40}" viewBox="0 0 {left + width + 30} {bottom + 40}" role="img">',
        f"<title>Time of value and gradient in other libraries, as a multiple of the time here</title><style>{STYLE}\n</style>",
        f'<text x="10" y="22" font-weight="600">Time of value and gradient as a multiple of ours ({precision}, {threads} thread{"s" * (threads > 1)}); further right is slower</text>',
    ]
    for i, peer in enumerate(peers):
        x = left + 130 * i
        out.append(f'<circle class="{peer}" cx="{x}" cy="44" r="5"/><text x="{x + 10}" y="48">{NAMES[peer]}</text>')
    for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
        if low <= math.log10(tick) <= high:
            x = place(tick)
            kind = "ours" if tick == 1 else "grid"
            out.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 8}" y2="{bottom}"/>')
            out.append(f'<text class="faint" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{"ours" if tick == 1 else f"{tick:g}×"}</text>')
    for i, row in enumerate(rows):
        y = top + line * i + line / 2
        out.append(f'<text x="{left - 12}" y="{y + 4}" text-anchor="end">{TITLES[row["workload"]]} <tspan class="faint">{size(row)}</tspan></text>')
        for peer in peers:
            multiple = row["times"][peer] / row["times"]["here"]
            out.append(f'<circle class="{peer}" cx="{place(multiple):.1f}" cy="{y}" r="5"><title>{NAMES[peer]}: {multiple:.2f}×</title></circle>')
    return "\n".join(out) + "\n</svg>\n"


def write_readme(root, run):
    """Puts the table between the markers of the README, and the chart where it looks for it."""
    path = root / "README.md"
    text = path.read_text()
    where = f"{run['processor']}, {run['processors']} cores, {run['date']}"
    table = f"<!-- peers -->\n{readme_table(run)}\n\nMeasured on: {where}.\n<!-- /peers -->"
    text, count = re.subn(r"<!-- peers -->.*?<!-- /peers -->", lambda _: table, text, flags=re.S)
    assert count == 1, "the README has one place for the table"
    path.write_text(text)
    (root / "docs" / "peers.svg").write_text(chart(run))
