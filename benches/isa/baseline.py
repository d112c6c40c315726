"""Figures that are committed, one row for each product, and what has become worse since."""

import csv
import re

COLUMNS = ("device", "robust", "format", "kernel", "m", "instructions", "per", "registers", "spills")
# Compilers move a little between versions, kernels are not to.
ALLOWED = 1.10


def rows(records):
    """Of lowbit's products. One kernel may be asked for in several ways."""
    made = {}
    for r in (r for r in records if r.by == "lowbit"):
        figure, per = r.figure
        made[r.device, "yes" if r.robust else "no", r.format, r.kernel, str(r.m)] = (
            f"{figure:.4g}",
            per,
            str(r.statistic("registers")),
            str(r.spills),
        )
    return made


def read(path):
    with open(path, newline="", encoding="utf-8") as lines:
        entries = list(csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t"))
    return {tuple(e[c] for c in COLUMNS[:5]): tuple(e[c] for c in COLUMNS[5:]) for e in entries}


def compilers(names):
    """The version of Mesa that drivers' names tell, without Debian's own number: its rebuilds compile the same."""
    return sorted({found[0] for found in (re.search(r"Mesa [\d.]+", name) for name in names) if found})


def made_by(path):
    """The compilers of a baseline: its first line, a comment."""
    with open(path, encoding="utf-8") as lines:
        first = next(lines, "").rstrip()
    return first.removeprefix("# ").split(", ") if first.startswith("# ") else []


def write(path, records, names):
    """Rows of other products stay as they are."""
    try:
        made = read(path)
    except FileNotFoundError:
        made = {}
    made |= rows(records)
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write(f"# {', '.join(compilers(names))}\n")
        lines = csv.writer(file, delimiter="\t", lineterminator="\n")
        lines.writerow(COLUMNS)
        # By m as a number.
        lines.writerows([*key, *made[key]] for key in sorted(made, key=lambda key: (*key[:4], int(key[4]))))


def worse(path, records):
    """A line for each row that spills more or takes more instructions, and how many rows were compared."""
    before, lines, compared = read(path), [], 0
    for key, (figure, per, _, spills) in rows(records).items():
        if key not in before:
            if int(spills):
                lines.append(f"{' '.join(key)}: {spills} spills, and it is not in the baseline")
            continue
        compared += 1
        was, was_per, _, had = before[key]
        if int(spills) > int(had):
            lines.append(f"{' '.join(key)}: {spills} spills, {had} before")
        if per != was_per:
            lines.append(f"{' '.join(key)}: instructions a {per}, a {was_per} before")
        elif float(figure) > ALLOWED * float(was):
            lines.append(f"{' '.join(key)}: {figure} instructions a {per}, {was} before")
    return lines, compared
