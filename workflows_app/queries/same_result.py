"""Whether what a person tells of an outside effect is known already, as that of another run (P7)."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models.fields.json import KeyTextTransform

from workflows_app.models import Mutation
from workflows_app.queries.search import NoTerm, term_of
from workflows_app.queries.search.bounds import bounded, newest
from workflows_app.queries.search.finding import with_words

#: What stands in more effects than this names none: of those the newest are looked at.
_MOST = 1_000


def run_with_same_result(mutation: Mutation, told: Mapping[str, str]) -> int | None:
    """Return the number of a run whose effect, of the same mutator, has these values as its result; none if none.

    Numbers and texts are compared as they are written. Each of its queries ends, however many effects there are.
    """
    others = Mutation.objects.filter(
        pk__in=_candidates(told), mutator=mutation.mutator, status=Mutation.Status.APPLIED
    ).exclude(pk=mutation.pk)
    for number, (name, value) in enumerate(told.items()):
        field = {f"told_{number}": KeyTextTransform(name, "result")}
        others = others.alias(**field).filter(**{f"told_{number}": value.strip()})
    return others.order_by("pk").values_list("run", flat=True).first()


def _candidates(told: Mapping[str, str]) -> list[int]:
    """Return the effects that have the words of all values, found by the index of words; results have no other."""
    try:
        words = with_words(Mutation, term_of(" ".join(told.values())), begins=False)
    except NoTerm:
        return list(Mutation.objects.order_by("-pk").values_list("pk", flat=True)[:_MOST])
    with bounded():
        return newest(words, _MOST)
