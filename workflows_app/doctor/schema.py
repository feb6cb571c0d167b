"""What the database itself must refuse: are its constraints and guards there, and do the rows hold?

Constraints and triggers may have been dropped or switched off, by a hand on the database or by a
restore; then the rows tell whether anything slipped in meanwhile (P1, P2, P4).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.db.models import (
    BooleanField,
    CheckConstraint,
    Count,
    ExpressionWrapper,
    F,
    Max,
    Q,
    Value,
)
from django.db.models import UniqueConstraint as Unique

from workflows_app.doctor.check import Check, Found, Scope
from workflows_app.models import GivenPermission, MachineClock, SavedFilter
from workflows_app.names import code_name

#: The way from a row to its workflow, for what is not asked by name below.
_WORKFLOW = {
    "workflow": "pk",
    "event": "topic__workflow_id",
    "eventinput": "event__topic__workflow_id",
    "arrival": "topic__workflow_id",
    "mutation": "run__workflow_id",
    "evidence": "mutation__run__workflow_id",
    "reservation": "run__workflow_id",
    "lanestate": "handler__workflow_id",
    "lanerefusal": "event__topic__workflow_id",
    "breaker": "handler__workflow_id",
    "eventwords": "event__topic__workflow_id",
}
_OF_NO_WORKFLOW = (MachineClock, GivenPermission, SavedFilter)


def _models() -> list[type[models.Model]]:
    return list(apps.get_app_config("workflows_app").get_models())


def _workflow_of(model: type[models.Model]) -> F | Value:
    if model in _OF_NO_WORKFLOW:
        return Value(None, output_field=models.BigIntegerField())
    return F(_WORKFLOW.get(model._meta.model_name or "", "workflow_id"))


def _missing_constraints(scope: Scope) -> Iterator[Found]:
    with connection.cursor() as cursor:
        for model in _models():
            table = model._meta.db_table
            there = connection.introspection.get_constraints(cursor, table)
            cursor.execute(
                "SELECT conname FROM pg_constraint WHERE conrelid = %(table)s::regclass"
                " AND NOT convalidated"
                " UNION ALL SELECT indexrelid::regclass::text FROM pg_index"
                " WHERE indrelid = %(table)s::regclass AND NOT indisvalid",
                {"table": table},
            )
            pending = {name for (name,) in cursor.fetchall()}
            for name in pending & {constraint.name for constraint in model._meta.constraints}:
                yield Found(None, "table", table, f"has constraint {name}, but never validated it")
            for constraint in model._meta.constraints:
                if constraint.name not in there:
                    yield Found(None, "table", table, f"lacks constraint {constraint.name}")
            for field in model._meta.local_fields:
                yield from _missing_of_field(field, table, there)


def _missing_of_field(field: Any, table: str, there: dict[str, Any]) -> Iterator[Found]:
    of_field = [found for found in there.values() if found["columns"] == [field.column]]
    if field.unique and not any(found["unique"] for found in of_field):
        yield Found(None, "table", table, f"does not keep {field.column} unique")
    if _is_kept_reference(field) and not any(found["foreign_key"] for found in of_field):
        yield Found(None, "table", table, f"does not keep the reference {field.column}")


def _is_kept_reference(field: Any) -> bool:
    """Tell whether the database keeps what `field` refers to. It does not for history."""
    return field.remote_field is not None and bool(field.db_constraint)


def _missing_triggers(scope: Scope) -> Iterator[Found]:
    for model in _models():
        for trigger in getattr(model._meta, "triggers", []):
            status, is_enabled = trigger.get_installation_status(model)
            if status != "INSTALLED":
                what = "lacks" if status == "UNINSTALLED" else "has another version of"
            elif not is_enabled:
                what = "has switched off"
            elif _function_of(trigger, model) != trigger.body(model):
                what = "has another function behind"
            else:
                continue
            yield Found(None, "table", model._meta.db_table, f"{what} trigger {trigger.name}")


def _function_of(trigger: Any, model: type[models.Model]) -> str:
    """Return the text of what the trigger calls in the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            " WHERE t.tgname = %s AND t.tgrelid = %s::regclass",
            [trigger.get_pgid(model), model._meta.db_table],
        )
        text: str = cursor.fetchone()[0]
        return text


def _against_conditions(scope: Scope) -> Iterator[Found]:
    for model in _models():
        for constraint in model._meta.constraints:
            if isinstance(constraint, CheckConstraint):
                assert isinstance(constraint.condition, Q)
                holds = ExpressionWrapper(constraint.condition, output_field=BooleanField())
                found = model._base_manager.annotate(_holds=holds).filter(_holds=False)
                yield from _found(found, model, scope, f"is against {constraint.name}")


def _duplicates(scope: Scope) -> Iterator[Found]:
    for model in _models():
        for name, fields, condition in _unique_sets(model):
            twice = (
                model._base_manager.filter(
                    condition, **{f"{field}__isnull": False for field in fields}
                )
                .order_by()
                .values(*fields)
                .annotate(_number=Count("pk"), _last=Max("pk"))
                .filter(_number__gt=1)
                .values("_last")
            )
            found = model._base_manager.filter(pk__in=twice)
            yield from _found(found, model, scope, f"is there again, against {name}")


def _unique_sets(model: type[models.Model]) -> Iterator[tuple[str, list[str], Q]]:
    for constraint in model._meta.constraints:
        if isinstance(constraint, Unique):
            yield constraint.name, list(constraint.fields), constraint.condition or Q()
    for field in model._meta.local_fields:
        if field.unique and not field.primary_key:
            yield f"the uniqueness of {field.name}", [field.name], Q()


def _dangling(scope: Scope) -> Iterator[Found]:
    for model in _models():
        for field in model._meta.local_fields:
            if not (isinstance(field, models.ForeignKey) and _is_kept_reference(field)):
                continue
            target = field.related_model
            assert isinstance(target, type)
            there = target._base_manager.filter(pk=models.OuterRef(field.attname))
            found = model._base_manager.filter(
                ~models.Exists(there), **{f"{field.attname}__isnull": False}
            ).order_by("pk")
            for pk, missing in found.values_list("pk", field.attname).iterator():
                detail = f"refers to {code_name(target)} {missing}, which is not there"
                yield Found(None, code_name(model), pk, detail)


def _found(
    found: models.QuerySet[Any], model: type[models.Model], scope: Scope, detail: str
) -> Iterator[Found]:
    found = found.annotate(_workflow=_workflow_of(model)).order_by("pk")
    if scope.workflow_id is not None:
        found = found.filter(_workflow=scope.workflow_id)
    for workflow_id, pk in found.values_list("_workflow", "pk").iterator():
        yield Found(workflow_id, code_name(model), pk, detail)


CHECKS = [
    Check(
        id="D101",
        title="A constraint of the design is missing in the database",
        meaning="The database would accept what the design rules out.",
        remedy=(
            "Compare with the migrations, and create the constraint again under the same name. If"
            " that fails, the checks that follow name the rows in its way."
        ),
        find=_missing_constraints,
    ),
    Check(
        id="D102",
        title="A guard trigger is missing or switched off",
        meaning="History could be rewritten, or a final state left, without anybody's noticing.",
        remedy=(
            "Run `manage.py pgtrigger install` and `manage.py pgtrigger enable` as the owner of the"
            " tables, and find out who switched it off."
        ),
        find=_missing_triggers,
    ),
    Check(
        id="D103",
        title="A row is against a condition that the database should keep",
        meaning="Something wrote past the models while the constraint was off.",
        remedy="Find in the row's history what wrote it, and correct the row by hand.",
        find=_against_conditions,
    ),
    Check(
        id="D104",
        title="Two rows where there must be one",
        meaning="Something wrote past the models while the constraint was off.",
        remedy="Find out which of them the rest of the ledger refers to; settle the other by hand.",
        find=_duplicates,
    ),
    Check(
        id="D105",
        title="A row refers to a row that is not there",
        meaning="Something was deleted, or a restore is incomplete: what came of what is lost.",
        remedy="Restore the missing row from a backup.",
        find=_dangling,
    ),
]
