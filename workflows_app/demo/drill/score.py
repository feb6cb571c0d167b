"""What came of each case: decided rightly, wrongly, caught, or open, by the ledger and the bank's records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Q

from workflows_app.demo.drill.cases import Case
from workflows_app.models import Event, Mutation, OperatorAction

Operation = OperatorAction.Operation
#: What ends a case. All else leaves it open, or lets the host find out.
_SETTLING = (
    Operation.IT_HAPPENED,
    Operation.IT_DIDNT_HAPPEN,
    Operation.SKIP_RUN,
    Operation.SKIP_EVENT,
)


class Verdict(StrEnum):
    """How a case stands. `CAUGHT`: a wrong decision was refused, since the bank said the opposite."""

    RIGHT = "right"
    CAUGHT = "caught"
    WRONG = "wrong"
    OPEN = "open"


@dataclass(frozen=True)
class Standing:
    """How one case stands, with a sentence that says why. `places`: its pages, as "run/17"."""

    case: Case
    verdict: Verdict
    decision: str
    sentence: str
    places: frozenset[str]


def standings(cases: Sequence[Case], entries: Sequence[dict[str, Any]]) -> list[Standing]:
    """Return how each of `cases` stands. `entries`: the bank's records."""
    return [_standing(case, entries) for case in cases]


def score(found: Sequence[Standing]) -> str:
    """Return the score in a sentence."""
    counts = {verdict: sum(one.verdict == verdict for one in found) for verdict in Verdict}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return f"Score: {counts[Verdict.RIGHT]} of {len(found)} ({told})."


def counted(found: Sequence[Standing]) -> str:
    """Return how many of what is decided was right, caught, or wrong."""
    verdicts = [one.verdict for one in found]
    return ", ".join(
        f"{verdicts.count(verdict)} {verdict}" for verdict in Verdict if verdict != Verdict.OPEN
    )


def _standing(case: Case, entries: Sequence[dict[str, Any]]) -> Standing:
    effects = list(
        Mutation.objects.filter(
            mutator=case.kind.mutator, params__invoice=case.invoice.number
        ).order_by("pk")
    )
    topic = "invoice.received" if case.kind.is_payment else "invoice.paid"
    events = Event.objects.filter(topic__name=topic, message_id=case.invoice.number)
    about = Q(run__in=[effect.run_id for effect in effects]) | Q(event__in=events)
    decisions = OperatorAction.objects.filter(about).exclude(operation__in=OperatorAction.REMARKS)
    made = list(decisions.order_by("pk"))
    settling = next((one for one in made if one.operation in _SETTLING), None)
    if settling is not None:
        verdict, sentence = _judged(case, settling, effects, entries)
        decision = settling.get_operation_display()
    else:
        verdict, sentence, decision = _by_host(case, made, effects)
    places = {f"run/{effect.run_id}" for effect in effects}
    places |= {f"event/{event.pk}" for event in events}
    return Standing(case, verdict, decision, sentence, frozenset(places))


def _by_host(
    case: Case, made: Sequence[OperatorAction], effects: Sequence[Mutation]
) -> tuple[Verdict, str, str]:
    """Judge a case that no person has settled: perhaps the host has, when a person let it ask."""
    if any(effect.resolved_by == Mutation.ResolvedBy.RECONCILE for effect in effects):
        if made:
            return Verdict.RIGHT, case.kind.truth, made[-1].get_operation_display()
        why = f"{case.kind.truth} The bank was asked first, and the opposite refused."
        return Verdict.CAUGHT, why, "refused"
    if made:
        label = made[-1].get_operation_display()
        return Verdict.OPEN, f"“{label}” has not settled it yet.", label
    return Verdict.OPEN, "Nobody has decided.", ""


def _judged(
    case: Case,
    decision: OperatorAction,
    effects: Sequence[Mutation],
    entries: Sequence[dict[str, Any]],
) -> tuple[Verdict, str]:
    kind, operation = case.kind, Operation(decision.operation)
    if operation not in kind.right:
        return Verdict.WRONG, f"{kind.truth} {_consequence(case, operation, entries)}"
    if operation == Operation.IT_HAPPENED and kind.is_payment:
        told = _payment_told(effects)
        numbers = [str(entry["number"]) for entry in _made(case, entries)]
        if told not in numbers:
            return Verdict.WRONG, (
                f"{kind.truth} Its number there is {' or '.join(numbers)}, and not “{told}”, which the"
                f" supplier was told."
            )
    return Verdict.RIGHT, kind.truth


def _payment_told(effects: Sequence[Mutation]) -> str:
    """Return the number of the payment that the ledger has: a person's word, or the bank's answer."""
    applied = [effect for effect in effects if effect.status == Mutation.Status.APPLIED]
    result: Any = applied[-1].result if applied else {}
    body = result.get("body") or {}
    return str(result.get("payment") or body.get("number", "")).strip()


def _made(case: Case, entries: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the bank's records have of the effect of `case`."""
    what = "payment" if case.kind.is_payment else "webhook"
    number = case.invoice.number
    return [entry for entry in entries if entry["kind"] == what and entry["invoice"] == number]


def _consequence(case: Case, operation: Operation, entries: Sequence[dict[str, Any]]) -> str:
    """Return what follows from a wrong decision, as the bank's records have it by now."""
    kind, times = case.kind, len(_made(case, entries))
    if operation == Operation.IT_HAPPENED:
        return "So the ledger says what is not so, and nobody will do it."
    if operation != Operation.IT_DIDNT_HAPPEN:
        return (
            "So the ledger does not know it, and nothing follows from it."
            if kind.happened
            else "So it will not be done."
        )
    if not kind.happened:
        return "So it is paid now." if times else "So it is about to be paid."
    if not kind.is_payment:
        return f"The supplier was told {'again' if times > 1 else 'once, and will be again'}."
    return (
        f"The bank has paid it {times} times."
        if times > 1
        else "It was sent again; only the bank's idempotency key keeps it from being paid twice."
    )
