"""The planner's choice, and the end of a run: `next`, `record` and the commit."""

from tests.mutants.fault import Fault

_PLANNER = "workflows_app/engine/planner.py"
_COMMIT = "workflows_app/engine/commit.py"
_PUBLICATIONS = "workflows_app/engine/publications.py"
_HANDING = "workflows_app/engine/handing.py"
_TABLE = "unit/test_planner.py::test_what_is_next_in_each_situation"

WHAT_IS_NEXT = [
    Fault(
        says="a paused workflow starts runs",
        breaks="P4",
        file=_PLANNER,
        old=("    if not snapshot.is_paused:\n        starts"),
        new=("    if snapshot.lanes:\n        starts"),
        tests=(_TABLE,),
    ),
    Fault(
        says="a paused workflow makes the retry that it owes from prepare",
        breaks="P4",
        file=_PLANNER,
        old="(snapshot.is_paused and not owed.only_next_is_missing)",
        new="(snapshot.is_paused and owed.only_next_is_missing)",
        tests=(_TABLE,),
    ),
    Fault(
        says="a paused workflow goes on with what began nothing outside",
        breaks="P4",
        file=_PLANNER,
        old="(run.has_begun_outside or not snapshot.is_paused)",
        new="(run.has_begun_outside or snapshot.loose)",
        tests=(_TABLE,),
    ),
    Fault(
        says="a blocked run is carried on",
        breaks="P3",
        file="workflows_app/engine/work.py",
        old="WHERE run.workflow_id = wanted.workflow AND run.status = 'active'",
        new="WHERE run.workflow_id = wanted.workflow AND run.status IN ('active', 'blocked')",
        tests=(
            "engine/test_unknown_outcomes.py"
            "::test_whatever_is_not_sure_is_unknown_and_blocks_if_nobody_can_ask",
        ),
    ),
    Fault(
        says="the host asks before it is due",
        breaks="P3",
        file=_PLANNER,
        old=("        if item.due_at <= snapshot.now:\n            yield Reconcile"),
        new=("        if item.due_at:\n            yield Reconcile"),
        tests=(_TABLE,),
    ),
    Fault(
        says="the backoff of a retry is not waited for",
        breaks="P3",
        file=_PLANNER,
        old=("        if due_at > now:\n            later.append(due_at)\n"),
        new=(
            "        if due_at > now and breaker is not None:\n            later.append(due_at)\n"
        ),
        tests=("engine/test_failures.py::test_a_transient_failure_is_retried_after_the_backoff",),
    ),
    Fault(
        says="the newest event is handled first",
        breaks="P2",
        file=_PLANNER,
        old="in sorted(lanes, key=_age):",
        new="in sorted(lanes, key=_age, reverse=True):",
        tests=(
            "engine/test_waking_consumers.py"
            "::test_the_oldest_event_is_handled_first_whatever_its_consumer",
            _TABLE,
        ),
    ),
    Fault(
        says="a workflow at rest forgets when a consumer wants to look again",
        breaks="P2",
        file=_PLANNER,
        old=(
            "            if item.wake_at is not None:\n                later.append(item.wake_at)\n"
        ),
        new="",
        tests=(
            "engine/test_claims.py"
            "::test_a_workflow_at_rest_is_due_when_a_consumer_wants_to_look_again",
        ),
    ),
    Fault(
        says="a workflow at rest forgets when a retry is due",
        breaks="P2",
        file=_PLANNER,
        old="            later.append(due_at)\n",
        new="            later += []\n",
        tests=(_TABLE,),
    ),
    Fault(
        says="what began while an earlier look was lost is left alone",
        breaks="P2",
        file=_PLANNER,
        old="if not run.is_orphaned and (run.has_begun_outside or not snapshot.is_paused):",
        new="if not run.is_orphaned and run.has_begun_outside:",
        tests=(
            _TABLE,
            "engine/test_outages.py::test_what_came_while_a_look_was_lost_is_carried_on",
        ),
    ),
    Fault(
        says="an arrival is not counted for a consumer that waits",
        breaks="P2",
        file="workflows_app/engine/lanes.py",
        old="SET arrivals = workflows_app_lanestate.arrivals + 1,",
        new="SET arrivals = workflows_app_lanestate.arrivals,",
        tests=("engine/test_offered_events.py::test_an_empty_prepare_waits_for_the_next_event",),
    ),
    Fault(
        says="what arrived while a consumer looked is taken for seen",
        breaks="P2",
        file=_COMMIT,
        old="seen = lane.arrivals if is_empty else None",
        new="seen = LaneView.read(run.handler_id, run.lane).arrivals if is_empty else None",
        tests=(
            "engine/test_offered_events.py"
            "::test_an_event_that_arrives_during_an_empty_prepare_is_looked_at",
        ),
    ),
    Fault(
        says="what arrived while a consumer found nothing waits for a second look",
        breaks="P2",
        file="workflows_app/engine/snapshot.py",
        old="found[key] = (view, seen is None or seen != view.arrivals)",
        new="found[key] = (view, seen is None)",
        tests=(
            "engine/test_hosting.py"
            "::test_an_event_that_arrives_while_its_consumer_finds_nothing_is_looked_at_when_that_has_ended",
        ),
    ),
    Fault(
        says="what next publishes for a consumer that waits is left to a second look",
        breaks="P2",
        file="workflows_app/engine/resting.py",
        old="any(pk in h.handlers for pk, _ in changes.news)",
        new="any(pk in h.hands for pk, _ in changes.news)",
        tests=(
            "engine/test_hosting.py"
            "::test_what_one_consumer_publishes_for_another_one_that_waits_is_handled_at_once",
        ),
    ),
    Fault(
        says="a consumed event becomes pending again",
        breaks="P1",
        file=_COMMIT,
        old="        event.consume()\n",
        new="        event.release()\n",
        tests=(
            "engine/test_run_protocol.py::test_events_are_handled_in_the_order_of_their_arrival",
        ),
    ),
    Fault(
        says="a run commits and keeps its events",
        breaks="P2",
        file=_COMMIT,
        old="        event.consume()\n",
        new="        event.hand_over(run)\n",
        tests=(
            "engine/test_run_protocol.py::test_each_step_is_committed_before_authors_code_goes_on",
        ),
    ),
    Fault(
        says="what next publishes does not inherit the causes",
        breaks="P5",
        file=_PUBLICATIONS,
        old="self._of_run.get(run.pk) or [self._own(holding, item)]",
        new="[self._own(holding, item)]",
        tests=(
            "engine/test_publications.py"
            "::test_an_event_inherits_the_inputs_of_all_that_the_run_reserved",
        ),
    ),
    Fault(
        says="what next publishes does not say which run made it",
        breaks="P5",
        file=_PUBLICATIONS,
        old="                created_by=run,\n",
        new="                created_by=None,\n",
        tests=(
            "engine/test_publications.py"
            "::test_an_event_inherits_the_inputs_of_all_that_the_run_reserved",
        ),
    ),
    Fault(
        says="next changes the payload of what is consumed already",
        breaks="P6",
        file=_PUBLICATIONS,
        old="event.status == Event.Status.PENDING and event.pk not in changes.reserved",
        new="event.pk not in changes.reserved",
        tests=(
            "engine/test_publications.py::test_publishing_what_is_consumed_already_revives_nothing",
        ),
    ),
    Fault(
        says="next is told that a skipped effect was applied",
        breaks="P3",
        file=_COMMIT,
        old='return MutationOutcome("skipped")',
        new='return MutationOutcome("applied")',
        tests=(
            "operations/test_skip_run.py::test_next_learns_that_it_was_skipped_and_nothing_is_sent",
        ),
    ),
    Fault(
        says="the state that a consumer returns is lost",
        breaks="P2",
        file=_COMMIT,
        old="Note(run.handler_id, run.lane, what.state, wake_at, seen)",
        new="Note(run.handler_id, run.lane, lane.state, wake_at, seen)",
        tests=(
            "engine/test_prepare_results.py::test_what_next_returns_is_the_state_of_the_consumer",
        ),
    ),
    Fault(
        says="a violation that next catches goes through",
        breaks="P2",
        file="workflows_app/engine/phases.py",
        old=("hand.prepared.copied(), _copied(hand))\n        view.raise_violation()\n"),
        new="hand.prepared.copied(), _copied(hand))\n",
        tests=(
            "engine/test_violations_after_the_call.py"
            "::test_a_violation_that_the_handler_catches_fails_the_run_all_the_same",
        ),
    ),
    Fault(
        says="what record writes is committed before its run",
        breaks="P1",
        file=_HANDING,
        old="taken = commit_alone(hand, Item(hand, what), first=first, clock=self._clock)",
        new=(
            "first()\n"
            "            taken = commit_alone(hand, Item(hand, what), first=lambda: None, clock=self._clock)"
        ),
        tests=("engine/test_record.py::test_after_a_crash_it_is_written_once",),
    ),
    Fault(
        says="record is called for a look that took nothing",
        breaks="P2",
        file=_HANDING,
        old="if isinstance(what, Broke) or not what.result.reservations:",
        new="if isinstance(what, Broke):",
        tests=("engine/test_record.py::test_a_look_that_takes_nothing_records_nothing",),
    ),
    Fault(
        says="record runs while its workflow is locked",
        breaks="P8",
        file="workflows_app/engine/turn.py",
        old=("        first()\n        turn ="),
        new=(
            "        type(hand.holding.workflow).objects.select_for_update().get(pk=hand.holding.id)\n"
            "        first()\n"
            "        turn ="
        ),
        tests=("engine/test_record.py::test_a_slow_record_holds_up_nobody",),
    ),
]
