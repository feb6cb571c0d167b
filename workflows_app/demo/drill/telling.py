"""What a drill tells, in the terminal and on the bank's page of it: each decision once, and the score."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from workflows_app.demo.drill.footprints import Footprint
from workflows_app.demo.drill.score import Standing, Verdict, counted, score

#: The console and the score stay up so long, to look at what came of the decisions.
OPEN_SECONDS = 60
#: A decided case, with what its decision took.
Told = tuple[Standing, Footprint]
_HEAD = "\nNo.  Invoice    Verdict  Decision           Clicks  Detours  Looks  Seconds"


def line_of(standing: Standing, taken: Footprint) -> str:
    """Return the line that judges one decision."""
    invoice, kind = standing.case.invoice, standing.case.kind
    what = "payment" if kind.is_payment else "webhook"
    pressed = f"“{standing.decision}”" if standing.verdict != Verdict.CAUGHT else "a wrong press"
    detours = f", detours: {taken.detours}" if taken.detours else ""
    took = f"clicks: {taken.clicks}{detours}, looks: {taken.looks}, seconds: {_seconds(taken)}"
    return f"{standing.verdict.upper()}: {what} of {invoice.number}, {pressed}. {standing.sentence} ({took})"


def page_of(told: Collection[Told], cases: int) -> dict[str, Any]:
    """Return what the bank's page of the score shows. Of what is open it tells nothing."""
    found = [standing for standing, _ in told]
    sentence = f"{counted(found)}, {cases - len(found)} of {cases} to go."
    is_over = len(found) == cases
    if is_over:
        sentence += (
            f" All are decided. This page and the console go away {OPEN_SECONDS} seconds after the last decision;"
            " the score stays in the terminal."
        )
    return {
        "sentence": sentence,
        "is_over": is_over,
        "rows": [
            {
                "invoice": standing.case.invoice.number,
                "verdict": standing.verdict,
                "decision": standing.decision,
                "clicks": taken.clicks,
                "detours": taken.detours,
                "looks": taken.looks,
                "seconds": _seconds(taken),
                "why": standing.sentence,
            }
            for standing, taken in reversed(list(told))
        ],
    }


def score_of(found: Sequence[Standing], told: Mapping[str, Told]) -> str:
    """Return the whole score: a row for each case, why what was wrong was, clicks, and the sum."""
    lines = [_HEAD]
    for number, standing in enumerate(found, start=1):
        _, taken = told.get(standing.case.invoice.number, (standing, None))
        counts = (taken.clicks, taken.detours, taken.looks) if taken else ("-", "-", "-")
        clicks, detours, looks = counts
        lines.append(
            f"{number:3}  {standing.case.invoice.number:9}  {standing.verdict:7}  {standing.decision:17}"
            f"  {clicks:>6}  {detours:>7}  {looks:>5}  {_seconds(taken):>7}"
        )
    lines += [
        f"{standing.case.invoice.number}: {standing.sentence}"
        for standing in found
        if standing.verdict in (Verdict.WRONG, Verdict.CAUGHT)
    ]
    if told:
        clicks_of = [taken.clicks for _, taken in told.values()]
        lines.append(
            f"Clicks: {sum(clicks_of) / len(clicks_of):.2f} in the mean, {max(clicks_of)} at most."
            f" Detours: {sum(taken.detours for _, taken in told.values())}."
        )
    return "\n".join([*lines, score(found)])


def _seconds(taken: Footprint | None) -> str:
    return "-" if taken is None or taken.seconds is None else str(taken.seconds)
