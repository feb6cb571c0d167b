"""What the database itself refuses: changing history, and leaving a final state.

Part of P2 and P4: a fault in the code, or a hand on the database, can't undo what was decided.
"""

from __future__ import annotations

from typing import Any

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from simple_history.models import HistoricalRecords


def append_only() -> list[pgtrigger.Trigger]:
    """Return the triggers of a table whose rows are never changed nor deleted."""
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
    ]


def kept() -> pgtrigger.Trigger:
    """Return the trigger of a table whose rows are never deleted."""
    return pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete)


def final(field: str, *states: str) -> pgtrigger.Trigger:
    """Return the trigger that keeps `field` once it holds one of `states`."""
    return pgtrigger.Protect(
        name=f"final_{field}",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(**{f"old__{field}__in": states})
        & ~pgtrigger.Q(**{f"new__{field}": pgtrigger.F(f"old__{field}")}),
    )


class AppendOnlyHistory(HistoricalRecords):
    """django-simple-history's records, on a table that the database keeps from changes.

    The reason is a text of any length (P4); an account that history names can be deactivated, but
    not deleted. History grows by several rows an event, so it has the indexes that something reads by
    and no others: the row it is of, the person, if any, and its dates, block by block.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("history_change_reason_field", models.TextField(null=True))
        # Several rows an event: 32 bits are soon used up.
        kwargs.setdefault("history_id_field", models.BigAutoField())
        super().__init__(**kwargs)

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        name = str(model._meta.model_name)
        has_person = models.Q(history_user__isnull=False)
        indexes = [
            models.Index(fields=["history_user"], name=f"{name}_by_person", condition=has_person),
            BrinIndex(fields=["history_date"], name=f"{name}_by_date", autosummarize=True),
        ]
        return {**super().get_meta_options(model), "indexes": indexes}

    def finalize(self, sender: type[models.Model], **kwargs: Any) -> None:
        super().finalize(sender, **kwargs)
        history = getattr(sender, self.manager_name, None)
        if history is not None:
            sender.history_records = self  # type: ignore[attr-defined]  # for `models.saving`
            for trigger in append_only():
                trigger.register(history.model)
            # Past the trigger no name can be taken out: Django shall know, and say so.
            history.model._meta.get_field("history_user").remote_field.on_delete = models.PROTECT
            for field in history.model._meta.concrete_fields:
                field.db_index = field.name == sender._meta.pk.name
