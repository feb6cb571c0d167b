"""What the database itself refuses: changing history, and leaving a final state.

Part of P2 and P4: a fault in the code, or a hand on the database, can't undo what was decided. Only who owns
a table can switch its guards off, and the console and the workers need not own it: see `workflows_app.grants`.
"""

from __future__ import annotations

from typing import Any

import pgtrigger
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from pgtrigger import compiler
from simple_history.models import HistoricalRecords

#: What a table's owner says, by `SET LOCAL`, when all of its rows are to go: in tests.
MAY_EMPTY = "workflows_app.may_empty"


class GuardSql(compiler.UpsertTriggerSql):
    """pgtrigger's statements without `pgtrigger.ignore`, by which any session could pass a guard."""

    def get_template(self) -> str:
        return """
            CREATE OR REPLACE FUNCTION {pgid}()
            RETURNS TRIGGER AS $$
                {declare}
                BEGIN
                    {func}
                END;
            $$ LANGUAGE plpgsql;

            DROP TRIGGER IF EXISTS {pgid} ON {table};
            CREATE {constraint} TRIGGER {pgid}
                {when} {operation} ON {table}
                {timing}
                {referencing}
                FOR EACH {level} {condition}
                EXECUTE PROCEDURE {execute};

            COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
        """


class OwnTrigger(pgtrigger.Trigger):
    """A trigger that works whatever the session says: only the table's owner can switch it off."""

    def compile(self, model: Any) -> compiler.Trigger:
        sql = super().compile(model).sql
        return compiler.Trigger(name=self.name, sql=GuardSql(**sql.kwargs))

    def body(self, model: Any) -> str:
        """Return the text of its function, as the database keeps it."""
        return str(self.compile(model).sql).split("$$")[1]


class Guard(OwnTrigger, pgtrigger.Protect):
    """Refuses an operation."""


class EmptyingGuard(Guard):
    """Refuses TRUNCATE, unless the table's owner has set `MAY_EMPTY`."""

    def __init__(self) -> None:
        super().__init__(
            name="never_emptied", level=pgtrigger.Statement, operation=pgtrigger.Truncate
        )
        self.when = pgtrigger.Before

    def get_func(self, model: Any) -> str:
        return self.format_sql(f"""
            IF current_setting('{MAY_EMPTY}', true) = 'on' AND pg_has_role(
                (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN
                RETURN NULL;
            END IF;
            RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;
        """)  # noqa: S608 - a name of this module


def append_only() -> list[pgtrigger.Trigger]:
    """Return the triggers of a table whose rows are never changed nor deleted."""
    return [
        Guard(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        never_emptied(),
    ]


def kept() -> pgtrigger.Trigger:
    """Return the trigger of a table whose rows are never deleted; it needs `never_emptied`, too."""
    return Guard(name="never_deleted", operation=pgtrigger.Delete)


def never_emptied() -> pgtrigger.Trigger:
    """Return the trigger of a table that is never truncated."""
    return EmptyingGuard()


def final(field: str, *states: str) -> pgtrigger.Trigger:
    """Return the trigger that keeps `field` once it holds one of `states`."""
    return Guard(
        name=f"final_{field}",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(**{f"old__{field}__in": states})
        & ~pgtrigger.Q(**{f"new__{field}": pgtrigger.F(f"old__{field}")}),
    )


def by_date(field: str, name: str) -> BrinIndex:
    """Return the index of a date that rises with the rows: block by block, it costs next to nothing."""
    return BrinIndex(fields=[field], name=name, autosummarize=True)


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
            by_date("history_date", f"{name}_by_date"),
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
