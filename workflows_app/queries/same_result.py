"""Whether what a person tells of an outside effect is known already, as that of another run (P7)."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from django.db.models.fields.json import KeyTextTransform

from workflows_app.models import Mutation
from workflows_app.queries.search import NoTerm, term_of
from workflows_app.queries.search.finding import matches


def run_with_same_result(mutation: Mutation, told: Mapping[str, str]) -> int | None:
    """Return the number of a run whose effect, of the same mutator, has these values as its result; none if none.

    Numbers and texts are compared as they are written. Two queries.
    """
    others = Mutation.objects.filter(
        mutator=mutation.mutator, status=Mutation.Status.APPLIED
    ).exclude(pk=mutation.pk)
    for number, (name, value) in enumerate(told.items()):
        field = {f"told_{number}": KeyTextTransform(name, "result")}
        others = others.alias(**field).filter(**{f"told_{number}": value.strip()})
    with contextlib.suppress(NoTerm):
        # By the index of words: results have none of their own.
        others = others.filter(matches(Mutation, term_of(" ".join(told.values())), begins=False))
    return others.order_by().values_list("run", flat=True).first()
