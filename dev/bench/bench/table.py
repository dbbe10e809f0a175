"""The figures as a table, and whether each is within its threshold."""

import dataclasses


@dataclasses.dataclass
class Row:
    title: str
    measured: str
    floor: str
    ratio: str
    gate: str
    promise: str
    broken: bool


def number(value, unit):
    if value is None:
        return ""
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}"


def rows(thresholds, figures, only):
    """One for every measure. A figure is {value, floor?, worst?}; what is gated is value / floor, or value itself where the threshold says `most`."""
    found = []
    for name, rule in thresholds.items():
        if only and name not in only:
            continue
        figure = figures.get(name)
        unit = rule["unit"]
        if figure is None:
            found.append(Row(rule["title"], "not measured", "", "", "", "", False))
            continue
        value, floor = figure["value"], figure.get("floor")
        ratio = value / floor if floor else None
        gate, broken = "", False
        if "ratio" in rule:
            gate, broken = f"<= {rule['ratio']:g} x", ratio is None or ratio > rule["ratio"]
        if "most" in rule:
            gate, broken = f"<= {rule['most']:g} {unit}", broken or value > rule["most"]
        worst = f" (worst {number(figure['worst'], unit)})" if "worst" in figure else ""
        if "tries" in figure:
            worst += f", best of {figure['tries']}"
        against = f"{number(floor, unit)} {rule['over']}" if floor else ""
        promise = f"at most {rule['promise']:g} {unit}" if "promise" in rule else ""
        if promise and value > rule["promise"]:
            promise += ": over"
        found.append(Row(rule["title"], number(value, unit) + worst, against, f"{ratio:.2f} x" if ratio else "", gate, promise, broken))
    return found


def text(found, where):
    """A table that is also Markdown."""
    header = ("measure", "median", "beside", "ratio", "gate", "promise", "")
    lines = [
        (row.title, row.measured, row.floor, row.ratio, row.gate, row.promise, "BROKEN" if row.broken else "held" if row.gate and row.measured != "not measured" else "")
        for row in found
    ]
    widths = [max(len(line[column]) for line in [header, *lines]) for column in range(len(header))]
    show = lambda line: "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"  # noqa: E731
    top = f"{where['processors']} processors, {where['memory']}, Linux {where['kernel']}, {where['architecture']}; load {where['load']}"
    if where["load"] > where["processors"] / 2:
        top += ": busy with other things, so compare the ratios, not the absolute figures"
    return "\n".join([top, "", show(header), show(tuple("-" * width for width in widths)), *map(show, lines)])
