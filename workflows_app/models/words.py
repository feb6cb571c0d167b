"""The words by which rows are found: an index of them, kept by the database itself.

Two functions of the database make words of a text, and a text of the values of a payload
(`migrations/0001_initial`). Inputs, runs, outside effects and decisions have an index on what they make. Events
have a table of words instead: an event is written three times in its life, and an index of its own would take
its words each time; so they are written once, and again only if its payload or its lane changes.
"""

# ruff: noqa: S608 - what is put into the statements stands in this module
from __future__ import annotations

from typing import Any

import pgtrigger
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db.models import CASCADE, Expression, F, Func, Model, OneToOneField, Q, TextField, Value

from workflows_app.models.guards import OwnTrigger

#: The words of an event, as SQL about its `row`. `workflows_values` of the migration is written out: a call of it for each
#: row takes longer.
WORDS_OF = (
    "workflows_words({row}.message_id || ' ' || coalesce({row}.lane, '') || ' ' ||"
    " (SELECT coalesce(string_agg(value #>> '{{}}', ' '), '') FROM jsonb_path_query({row}.payload,"
    """ 'strict $.** ? (@.type() == "string" || @.type() == "number")') value))"""
)


class Words(Func):
    """The words of texts, as PostgreSQL's `tsvector`: in small letters, without their order."""

    function = "workflows_words"
    output_field = SearchVectorField()

    def __init__(self, *texts: Expression | F | str) -> None:
        super().__init__(_joined(texts))


class Values(Func):
    """The texts and numbers of a JSON value, at any depth, as one text: an empty one, if there are none."""

    function = "workflows_values"
    output_field = TextField()


def _joined(texts: tuple[Any, ...]) -> Any:
    first, *rest = (F(each) if isinstance(each, str) else each for each in texts)
    for each in rest:
        first = _Concatenated(first, Value(" "), each)
    return first


class _Concatenated(Func):
    """Texts as one; none of them is null. `Concat` would cast in a way that no index takes."""

    template = "(%(expressions)s)"
    arg_joiner = " || "
    output_field = TextField()


def word_index(name: str, *texts: Expression | F | str, condition: Q | None = None) -> GinIndex:
    """Return the index of the words of `texts`."""
    return GinIndex(Words(*texts), name=name, condition=condition)


class EventWords(Model):
    """The words of one event. Written by triggers alone; bookkeeping, no history."""

    event = OneToOneField(
        "Event", CASCADE, primary_key=True, related_name="words", db_constraint=False
    )
    words = SearchVectorField()

    class Meta:
        default_permissions = ()
        indexes = [GinIndex(fields=["words"], name="event_words")]

    def __str__(self) -> str:
        return f"words of event {self.event_id}"


def triggers_of_words() -> list[OwnTrigger]:
    """Return the triggers of events that write their words: one statement for all events of a statement."""
    insert = "INSERT INTO workflows_app_eventwords (event_id, words)"
    return [
        OwnTrigger(
            name="words_of_new",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=pgtrigger.Insert,
            referencing=pgtrigger.Referencing(new="new_events"),  # type: ignore[no-untyped-call]  # untyped
            func=f"{insert} SELECT id, {WORDS_OF.format(row='new_events')} FROM new_events;"
            " RETURN NULL;",
        ),
        OwnTrigger(
            name="words_of_changed",
            when=pgtrigger.After,
            operation=pgtrigger.UpdateOf("payload", "lane"),  # type: ignore[no-untyped-call]  # untyped
            condition=pgtrigger.Q(old__payload__df=pgtrigger.F("new__payload"))
            | pgtrigger.Q(old__lane__df=pgtrigger.F("new__lane")),
            func=f"UPDATE workflows_app_eventwords SET words = {WORDS_OF.format(row='NEW')}"
            " WHERE event_id = NEW.id; RETURN NULL;",
        ),
    ]
