"""What there is to begin in the workflows of a turn, as the server sees it under their locks (P2, P8)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from workflows_app.engine.holding import Holding, LaneView
from workflows_app.engine.planner import DueReconcile, LooseRun, OwedRetry
from workflows_app.engine.retry import ONLY_NEXT_IS_MISSING
from workflows_app.models import Event, OperatorAction, Run
from workflows_app.models.rows import Instances, Sent, Tuples

#: An event of `workflow` whose lane is to be named: the code as it is has not refused that yet.
_UNNAMED_EVENT = """event.status = 'pending' AND event.lane IS NULL AND NOT EXISTS (
    SELECT FROM workflows_app_lanerefusal refusal
     WHERE refusal.event_id = event.id AND refusal.revision = event.revision
       AND refusal.version_id = workflow.active_version_id)"""
#: What waits in a workflow for the host: active runs that are in nobody's hands, questions to be asked, and retries
#: that are owed. Of what is due at one moment, as after a deploy, the oldest comes first: where rows lie in their
#: tables is no order.
_UNFINISHED = f"""
    SELECT 'loose', wanted.workflow, found.id, NULL::timestamptz, found.handler_id, found.is_ordered,
           found.phase, found.fencing_token
      FROM unnest($1::bigint[]) AS wanted(workflow)
     CROSS JOIN LATERAL (
           SELECT run.id, run.handler_id, run.phase, run.fencing_token,
                  EXISTS (SELECT FROM workflows_app_operatoraction action
                           WHERE action.run_id = run.retry_of_id
                             AND action.operation IN {OperatorAction.ORDERS})
                      AS is_ordered
             FROM workflows_app_run run
            WHERE run.workflow_id = wanted.workflow AND run.status = 'active'
              AND run.id <> ALL($2::bigint[]) OFFSET 0) found
    UNION ALL
    SELECT 'reconcile', wanted.workflow, found.id, found.next_reconcile_at, NULL, NULL, '', NULL
      FROM unnest($1::bigint[]) AS wanted(workflow)
     CROSS JOIN LATERAL (
           SELECT run.id, mutation.next_reconcile_at
             FROM workflows_app_run run
             JOIN workflows_app_mutation mutation ON mutation.run_id = run.id
            WHERE run.workflow_id = wanted.workflow AND run.status = 'reconciling'
              AND run.id <> ALL($2::bigint[]) AND mutation.next_reconcile_at IS NOT NULL
            ORDER BY mutation.next_reconcile_at, run.id LIMIT $3::int) found
    UNION ALL
    SELECT 'retry', wanted.workflow, found.id, found.retry_due_at, found.handler_id, found.missing,
           '', NULL
      FROM unnest($1::bigint[]) AS wanted(workflow)
      JOIN workflows_app_workflow workflow ON workflow.id = wanted.workflow
     CROSS JOIN LATERAL (
           SELECT run.id, run.retry_due_at, coalesce(settled.missing, false) AS missing,
                  run.handler_id
             FROM workflows_app_run run
             LEFT JOIN workflows_app_mutation own ON own.run_id = run.id
             LEFT JOIN workflows_app_mutation carried ON carried.id = run.carried_mutation_id
            CROSS JOIN LATERAL (
                  SELECT {ONLY_NEXT_IS_MISSING.format(status="coalesce(own.status, carried.status)")}
                      AS missing) settled
            WHERE run.workflow_id = wanted.workflow AND run.owes_retry
              AND run.retry_due_at IS NOT NULL
              AND (workflow.status = 'active' OR settled.missing)
            ORDER BY run.retry_due_at, run.id LIMIT $3::int) found
     ORDER BY 3
"""
LANE_STATE = (
    "state.lane, state.state, state.arrivals, state.failures, state.wake_at, state.arrivals_seen"
)
_READY = f"""
    SELECT wanted.handler, found.* FROM unnest($1::bigint[]) AS wanted(handler)
     CROSS JOIN LATERAL (
           (SELECT {LANE_STATE}, state.oldest_pending FROM workflows_app_lanestate state
             WHERE state.handler_id = wanted.handler AND NOT state.is_held
               AND state.oldest_pending IS NOT NULL
               AND (state.arrivals_seen IS NULL
                    OR NOT (state.arrivals_seen = state.arrivals
                            AND state.arrivals_seen IS NOT NULL))
             ORDER BY state.oldest_pending LIMIT $2::int)
           UNION ALL
           (SELECT {LANE_STATE}, NULL FROM workflows_app_lanestate state
             WHERE state.handler_id = wanted.handler AND NOT state.is_held
               AND state.wake_at IS NOT NULL
             ORDER BY state.wake_at, state.id LIMIT $2::int)) found
"""
_UNNAMED = f"""
    SELECT topic.workflow_id, {{columns}} FROM workflows_app_topic topic
      JOIN workflows_app_workflow workflow ON workflow.id = topic.workflow_id
     CROSS JOIN LATERAL (
           SELECT event.* FROM workflows_app_event event
            WHERE event.topic_id = topic.id AND {_UNNAMED_EVENT} LIMIT 500) event
     WHERE topic.workflow_id = ANY($1::bigint[]) AND topic.consumer_id IS NOT NULL
"""


class Work:
    """What waits in `holdings`, once `take` has been called. At most `room` of each kind is looked for."""

    def __init__(self, holdings: Sequence[Holding], room: int) -> None:
        ids = [holding.id for holding in holdings]
        in_hand = [pk for holding in holdings for pk in list(holding.hands)]
        handlers = [
            pk
            for holding in holdings
            for pk, handler in holding.handlers.items()
            if handler.is_current
        ]
        self._tokens = {holding.id: holding.claim.token for holding in holdings}
        self._unfinished = Tuples(_UNFINISHED, [ids, in_hand, room])
        self._ready = Tuples(_READY, [handlers, room])
        names = ("id", "topic", "message_id", "payload", "revision")
        extra = ("workflow_id",)
        self._unnamed = Instances(_UNNAMED, [ids], Event, names, alias="event", extra=extra)
        #: By the workflow's id, and `ready` by the handler's.
        self.loose: defaultdict[int, list[LooseRun]] = defaultdict(list)
        self.reconciles: defaultdict[int, list[DueReconcile]] = defaultdict(list)
        self.retries: defaultdict[int, list[OwedRetry]] = defaultdict(list)
        self.ready: defaultdict[int, list[LaneView]] = defaultdict(list)
        self.unnamed: defaultdict[int, list[Event]] = defaultdict(list)

    def statements(self) -> list[Sent]:
        return [self._unfinished, self._ready, self._unnamed]

    def take(self) -> None:
        """Take what was read."""
        for kind, workflow, run, due_at, handler, flag, *row in self._unfinished.rows():
            match kind:
                case "loose":
                    loose = self._loose(workflow, run, handler, flag, *row)
                    self.loose[workflow].append(loose)
                case "reconcile":
                    self.reconciles[workflow].append(DueReconcile(run, due_at))
                case "retry":
                    self.retries[workflow].append(OwedRetry(run, due_at, flag, handler))
        for handler, *row in self._ready.rows():
            self.ready[handler].append(lane_view(handler, row))
        for event in self._unnamed.rows():
            workflow_id: int = event.workflow_id  # type: ignore[attr-defined]
            self.unnamed[workflow_id].append(event)

    def _loose(
        self, workflow: int, run: int, handler: int, is_ordered: bool, phase: str, fencing: Any
    ) -> LooseRun:
        # One whose call may be under way is an orphan too, whoever sent it: nobody waits for its answer.
        token = self._tokens[workflow]
        return LooseRun(
            run,
            is_orphaned=fencing not in (None, token) or phase == Run.Phase.MUTATING,
            has_begun_outside=phase in (Run.Phase.MUTATED, Run.Phase.EMITTING),
            handler_id=handler,
            is_ordered=is_ordered,
        )

    def shows_work_in(self, holding: Holding) -> bool:
        """Tell whether there may be something to begin in `holding`, besides lanes that this turn frees."""
        kinds = (self.loose, self.reconciles, self.retries, self.unnamed)
        has_ready = any(handler in self.ready for handler in holding.handlers)
        return has_ready or any(holding.id in kind for kind in kinds)


def lane_view(handler: int, row: Sequence[Any]) -> LaneView:
    """Return the lane of a row of `LANE_STATE` and the oldest pending event."""
    lane, state, *rest = row
    return LaneView(handler, lane, json.loads(state) if isinstance(state, str) else state, *rest)
