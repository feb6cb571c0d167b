"""What a test gave to `registered`, `drain` or `scripted`, and can't be: said at once, with what to write."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.workflow import Workflow


def require_class(given: object, base: type, call: str, example: str) -> None:
    """Raise AssertionError unless `given` is a class derived from `base`."""
    if isinstance(given, type) and issubclass(given, base):
        return
    kind = "an instance of it" if isinstance(given, base) else repr(given)
    raise AssertionError(
        f"{call} takes a class derived from {base.__name__}, as {example}, not {kind:.200}."
    )


def require_registrable(workflows: Iterable[Any], mutators: object) -> list[type[Mutator]]:
    """Return the mutators. Raises AssertionError unless all are classes, of workflows and of mutators."""
    for workflow in workflows:
        require_class(workflow, Workflow, "registered()", "registered(InvoicePayments)")
    example = "mutators=[scripted(replaces=CreatePayment)]"
    if isinstance(mutators, str | type) or not isinstance(mutators, Iterable):
        raise AssertionError(
            f"registered(mutators=...) takes a list, as {example}, not {mutators!r:.200}."
        )
    found = list(mutators)
    for mutator in found:
        require_class(mutator, Mutator, "registered(mutators=...)", example)
    return found


def require_played(workflows: Iterable[type[Workflow]], stand_ins: Iterable[str]) -> None:
    """Raise AssertionError unless each stand-in has the name of a mutator of `workflows`."""
    names = {mutator.name for workflow in workflows for mutator in workflow.mutators}
    unused = [name for name in stand_ins if name not in names]
    if unused:
        raise AssertionError(
            f"registered(mutators=..., allow_outside=True): no mutator of these workflows is called"
            f" {unused[0]!r}, only {', '.join(sorted(names))}: give scripted(..., replaces=...)."
        )


def require_drainable(slug: object, now: object, max_steps: object, at_once: object) -> None:
    """Raise AssertionError unless `drain` can work with these."""
    if slug is not None and not isinstance(slug, str):
        own = getattr(slug, "slug", "")
        hint = repr(own) if isinstance(own, str) and own else "'invoice-payments'"
        raise AssertionError(f"drain() takes the slug of a workflow, as drain({hint}).")
    if now is not None and not (isinstance(now, datetime) and now.tzinfo is not None):
        raise AssertionError(
            "drain(now=...) takes a datetime with a time zone, as django.utils.timezone.now() +"
            f" timedelta(hours=1), not {now!r:.200}."
        )
    for name, number in (("max_steps", max_steps), ("at_once", at_once)):
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise AssertionError(
                f"drain({name}=...) takes a whole number above 0, not {number!r:.200}."
            )
