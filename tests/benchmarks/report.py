"""`python -m tests.benchmarks.report FILE`: the tables of docs/performance.md, made from a run's JSON.

Each table stands between two marks that name it; what is between them is replaced. The numbers are kept
beside the page: parts that the run did not measure stay as they are.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.benchmarks.programs import ROOT
from tests.benchmarks.results import Results
from tests.benchmarks.tables import all_tables

PAGE = ROOT / "docs" / "performance.md"
KEPT = PAGE.with_suffix(".json")
_MARKED = re.compile(r"<!-- bench: (?P<name>[a-z]+) -->\n.*?<!-- end -->", re.DOTALL)


def filled(page: str, results: Results) -> str:
    """Return the page with the tables of these results; what was not measured says so."""
    tables = {"machine": machine(results), **all_tables(results)}

    def replace(mark: re.Match[str]) -> str:
        name = mark["name"]
        text = tables.get(name, "Not measured.\n")
        return f"<!-- bench: {name} -->\n{text.rstrip()}\n<!-- end -->"

    return _MARKED.sub(replace, page)


def machine(results: Results) -> str:
    """Say on what was measured, when, and who was left out."""
    facts = results.machine
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items())
    settings = ", ".join(f"{name} {value}" for name, value in facts["settings"].items())
    days = sorted({part["began_at"][:10] for part in results.parts.values()})
    commits = sorted({part["commit"] for part in results.parts.values()})
    busy = max(part["load_before"] for part in results.parts.values())
    said = (
        f"Measured on {' and '.join(days)} at commit {' and '.join(commits)}, on"
        f" {facts['processors']} processors ({facts['processor']}) and {facts['memory_gib']} GiB, which the workers, the"
        f" server and the outside system share; at most {busy} processes were ready to run when a"
        f" part began. Python {facts['python']}, PostgreSQL {facts['postgres']}"
        f"{' (embedded)' if facts['embedded'] else ''}: {settings}. {packages}."
    )
    left_out = [f"Left out: {name}: {why}." for name, why in results.left_out.items()]
    return "\n\n".join([said, *left_out])


class OtherMachine(Exception):
    """Parts that were measured elsewhere, or with other versions, would stand on one page."""

    def __init__(self, facts: list[str], parts: list[str]) -> None:
        super().__init__(
            f"{', '.join(parts)} were measured with another {', '.join(facts)}."
            f" Measure them too, or remove {KEPT.relative_to(ROOT)} to have a page without them."
        )


def joined(kept: Results, run: Results) -> Results:
    """Return what the run measured, and what it did not measure as it was kept. Raises OtherMachine."""
    others = sorted(set(kept.parts) - set(run.parts))
    facts = set(kept.machine) | set(run.machine)
    changed = sorted(
        fact for fact in facts - {"commit"} if kept.machine.get(fact) != run.machine.get(fact)
    )
    if others and changed:
        raise OtherMachine(changed, others)
    return Results(run.machine, {**kept.parts, **run.parts}, run.left_out)


def main() -> None:
    measured = Path(sys.argv[1])
    if not measured.exists():
        sys.exit(f"There is no {measured}: measure first, with `make bench`.")
    kept = Results.read(KEPT) if KEPT.exists() else Results()
    try:
        results = joined(kept, Results.read(measured))
    except OtherMachine as error:
        sys.exit(str(error))
    results.write(KEPT)
    PAGE.write_text(filled(PAGE.read_text(), results))


if __name__ == "__main__":
    main()
