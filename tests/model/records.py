"""What must hold after every step about what is written down: P4 and P5.

Each history is read from its first row on: the sequence of states is one of the design's, and the
newest row is the row itself.
"""

from __future__ import annotations

from typing import Any

from tests.model.rows import WITH_HISTORY, Row, Rows
from workflows_app.models import Event, Input, Mutation, Run
from workflows_app.queries import lineage

_EVENT = {
    "": "pending",
    "pending": "pending reserved skipped",
    "reserved": "reserved pending consumed skipped",
    "consumed": "",
    "skipped": "",
}
_RUN = {
    "": "active",
    "active": "active committed failed crashed reconciling blocked",
    "reconciling": "reconciling active failed blocked",
    "blocked": "active failed reconciling",
    "committed": "",
    # An ended run may still be rid of the retry that it owes, or get a date for it.
    "failed": "failed",
    "crashed": "crashed",
}
_MUTATION = {
    "": "in_flight",
    "in_flight": "applied failed needs_reconcile indeterminate",
    "needs_reconcile": "needs_reconcile applied failed indeterminate",
    "indeterminate": "needs_reconcile applied failed skipped",
    "applied": "",
    "failed": "",
    "skipped": "",
}
_WORKFLOW = {"": "active", "active": "active paused", "paused": "paused active"}
_BREAKER = {
    "": "closed open",
    "closed": "closed open",
    "open": "half_open closed open",
    "half_open": "open closed",
}
_LEGAL = {
    "HistoricalBreaker": _BREAKER,
    "HistoricalEvent": _EVENT,
    "HistoricalRun": _RUN,
    "HistoricalMutation": _MUTATION,
    "HistoricalWorkflow": _WORKFLOW,
}
_PHASES = ("preparing", "prepared", "mutating", "mutated", "emitting", "committed")
#: How many rows of a kind are followed through a story, the newest.
SOME = 2
_OF_HISTORY = {
    "history_id",
    "history_date",
    "history_change_reason",
    "history_type",
    "history_user_id",
}


def histories_are_complete(before: Rows, after: Rows) -> None:
    """P4."""
    for table, of in WITH_HISTORY.items():
        newest: dict[Any, Row] = {}
        for pk, row in after[table].items():
            if pk not in before[table]:
                _is_lawful(table, newest.get(row["id"]), row)
            newest[row["id"]] = row
        for pk, row in after[of].items():
            assert pk in newest, f"P4: a {of} has no history"
            history = {key: value for key, value in newest[pk].items() if key not in _OF_HISTORY}
            assert history == row, f"P4: the newest history of a {of} is not how it is"


def _is_lawful(table: str, earlier: Row | None, row: Row) -> None:
    assert row["history_change_reason"], f"P4: a {table} does not say why"
    if table in _LEGAL:
        was = earlier["status"] if earlier else ""
        assert row["status"] in _LEGAL[table][was].split(), (
            f"P4: a {table} went from {was!r} to {row['status']!r}"
        )
    if table == "HistoricalRun" and earlier:
        phases = _PHASES.index(earlier["phase"]), _PHASES.index(row["phase"])
        assert phases[0] <= phases[1], f"P4: a run went back to {row['phase']}"


def people_are_named_for_decisions_only(rows: Rows) -> None:
    """P4: a history row that names a person has their decision, and the decision's reason."""
    decided = {(row["actor_id"], row["reason"]) for row in rows["OperatorAction"].values()}
    for table in WITH_HISTORY:
        for row in rows[table].values():
            if row["history_user_id"] is not None:
                told = (row["history_user_id"], row["history_change_reason"])
                assert told in decided, f"P4: a {table} names somebody who decided nothing"


def events_have_causes(before: Rows, after: Rows) -> None:
    """P5: an event has an input, and inherits all those of what its run reserved."""
    for event in after.new("Event", before):
        causes = after.inputs_of(event["id"])
        assert causes, f"P5: {after.name(event)} came of nothing"
        if event["created_by_id"] is not None:
            for reserved in after.reserved_by(event["created_by_id"]):
                inherited = after.inputs_of(reserved)
                assert inherited <= causes, f"P5: {after.name(event)} lost a cause"


def lineage_connects(rows: Rows) -> None:
    """P5, there and back: from inputs to what came of them, from events and effects to inputs."""
    for cause in Input.objects.all()[:SOME]:
        came = {event.pk for event in lineage.events_of_input(cause)}
        expected = {row["event_id"] for row in rows.find("EventInput", input_id=cause.pk)}
        assert came == expected, "P5: an input does not know its events"
        runs = {r["run_id"] for pk in came for r in rows.find("Reservation", event_id=pk)}
        assert _ids(lineage.runs_of_input(cause)) == runs, "P5: an input does not know its runs"
        effects = {m["id"] for m in rows["Mutation"].values() if m["run_id"] in runs}
        assert _ids(lineage.mutations_of_input(cause)) == effects, "P5: nor its effects"
        decisions = {
            row["id"]
            for row in rows["OperatorAction"].values()
            if row["run_id"] in runs or row["event_id"] in came
        }
        assert _ids(lineage.decisions_on_input(cause)) == decisions, "P5: nor its decisions"
    for event in Event.objects.all()[:SOME]:
        assert _ids(lineage.inputs_of_event(event)) == rows.inputs_of(event.pk)
    for mutation in Mutation.objects.select_related("run")[:SOME]:
        events = rows.reserved_by(mutation.run_id)
        inputs = set().union(*(rows.inputs_of(pk) for pk in events))
        assert _ids(lineage.inputs_of_run(mutation.run)) == inputs, "P5: an effect of no input"
    for run in Run.objects.all()[:SOME]:
        published = {row["id"] for row in rows.find("Event", created_by_id=run.pk)}
        assert _ids(lineage.events_published_by(run)) == published


def _ids(found: Any) -> set[int]:
    return {row.pk for row in found}
