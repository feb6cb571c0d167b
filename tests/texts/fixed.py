"""Numbers, keys and moments that are the same in each run: what is kept as a text may show them."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.fixed import Moment, Numbers, moments, project_models, rewrite

#: Where the numbers of each table begin: no number of one is that of another.
_NUMBERS = Numbers(
    {
        "auth_user": 901,
        "workflows_app_workflow": 11,
        "workflows_app_handler": 21,
        "workflows_app_topic": 41,
        "workflows_app_workflowversion": 61,
        "workflows_app_breaker": 81,
        "workflows_app_input": 1001,
        "workflows_app_event": 2001,
        "workflows_app_reservation": 3001,
        "workflows_app_run": 4001,
        "workflows_app_mutation": 5001,
        "workflows_app_evidence": 6001,
        "workflows_app_operatoraction": 7001,
        "workflows_app_lanestate": 8001,
        "workflows_app_alert": 9001,
    },
    others=90_001,
)
#: Between any two moments.
_APART = timedelta(minutes=7, seconds=11)


def number_rows() -> None:
    """Let the numbers of new rows begin anew."""
    _NUMBERS.begin()


def go_on_numbering() -> None:
    """Let the next row of each table have the number after the last one there: none was made and undone."""
    _NUMBERS.go_on()


def fix(*, before: datetime) -> None:
    """Give all moments in the ledger others in the same order, and keys that tell whose they are.

    The last one is `before`.
    """
    found = sorted(moments(model._meta.db_table for model in project_models()), key=_place)
    moved = ((each, before - number * _APART) for number, each in enumerate(found, 1))
    rewrite(moved, *_KEYS)


def _place(moment: Moment) -> tuple[float, str, str, str]:
    return -moment.at.timestamp(), moment.table, str(moment.row), moment.column


_KEYS = (
    "CREATE TEMPORARY TABLE keys ON COMMIT DROP AS SELECT idempotency_key AS was, min(id) AS run"
    " FROM workflows_app_run WHERE idempotency_key <> '' GROUP BY 1",
    *(
        f"UPDATE workflows_app_{table} t SET idempotency_key = concat('key-', keys.run) FROM keys"
        " WHERE t.idempotency_key = keys.was"
        for table in ("run", "historicalrun", "mutation", "historicalmutation")
    ),
)
