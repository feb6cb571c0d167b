"""The tables with history: what of a row may change, and how a change may go.

The allowed steps are read from the transitions that the models declare, so that they can't differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models

from workflows_app.models import Breaker, Event, Mutation, Run, Workflow, WorkflowVersion
from workflows_app.names import code_name


@dataclass(frozen=True)
class Machine:
    """A field with states. `in_one_save`: several transitions may be written at once."""

    field: str
    initial: tuple[str, ...]
    in_one_save: bool = False


@dataclass(frozen=True)
class Tracked:
    """A table with history. `workflow` is an expression of the workflow of its history row `h`."""

    model: type[models.Model]
    workflow: str
    machines: tuple[Machine, ...]
    #: Columns that are written once, with the row.
    fixed: tuple[str, ...]
    #: Columns that may be empty at first, and are written once.
    set_once: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return code_name(self.model)

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def history_model(self) -> Any:
        manager: Any = getattr(self.model, "history")  # noqa: B009 - set by django-simple-history
        return manager.model

    @property
    def history_table(self) -> str:
        table: str = self.history_model._meta.db_table
        return table

    @property
    def columns(self) -> list[str]:
        return [field.column for field in self.history_model.tracked_fields]

    def steps(self, machine: Machine) -> set[tuple[str, str]]:
        """Return the pairs of states of `machine` that may follow each other in history."""
        field: Any = self.model._meta.get_field(machine.field)
        declared = {(step.source, step.target) for step in field.get_all_transitions(self.model)}
        stays = {(state, state) for step in declared for state in step}
        pairs = declared
        while machine.in_one_save:
            longer = pairs | {(a, d) for a, b in pairs for c, d in declared if b == c}
            if longer == pairs:
                break
            pairs = longer
        return pairs | stays


TRACKED = (
    Tracked(
        Workflow,
        workflow="h.id",
        machines=(Machine("status", ("active",)),),
        fixed=("slug", "created_at"),
    ),
    Tracked(
        WorkflowVersion,
        workflow="h.workflow_id",
        machines=(),
        fixed=("workflow_id", "major", "minor", "kind", "actor_id", "created_at"),
    ),
    Tracked(
        Event,
        workflow="(SELECT t.workflow_id FROM workflows_app_topic t WHERE t.id = h.topic_id)",
        machines=(Machine("status", ("pending",)),),
        fixed=("topic_id", "message_id", "created_by_id", "created_at"),
    ),
    Tracked(
        Run,
        workflow="h.workflow_id",
        machines=(
            Machine("status", ("active",)),
            Machine("phase", ("preparing", "prepared", "mutated"), in_one_save=True),
        ),
        fixed=(
            "workflow_id",
            "handler_id",
            "retry_of_id",
            "carried_mutation_id",
            "earlier_failures",
            "earlier_crashes",
            "lane",
            "started_at",
        ),
        set_once=("prepare_result", "idempotency_key"),
    ),
    Tracked(
        Mutation,
        workflow="(SELECT r.workflow_id FROM workflows_app_run r WHERE r.id = h.run_id)",
        machines=(Machine("status", ("in_flight",)),),
        fixed=("run_id", "mutator", "params", "target", "idempotency_key", "sent_at"),
        set_once=("result", "resolved_by", "resolved_at"),
    ),
    Tracked(
        Breaker,
        workflow="(SELECT c.workflow_id FROM workflows_app_handler c WHERE c.id = h.handler_id)",
        machines=(Machine("status", ("closed", "open"), in_one_save=True),),
        fixed=("handler_id",),
    ),
)
