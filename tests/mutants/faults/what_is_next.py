"""The planner's choice, and the end of a run: `next` and its commit."""

from tests.mutants.fault import Fault

_PLANNER = "workflows_app/engine/planner.py"
_NEXT = "workflows_app/engine/next.py"
_TABLE = "unit/test_planner.py::test_the_next_step_in_each_situation"

WHAT_IS_NEXT = [
    Fault(
        says="a paused workflow starts runs",
        breaks="P4",
        file=_PLANNER,
        old="    if snapshot.is_paused:\n        return _HELD\n    return _start_something(snapshot)",
        new="    return _start_something(snapshot)",
        tests=(_TABLE,),
    ),
    Fault(
        says="a paused workflow makes the retry that it owes from prepare",
        breaks="P4",
        file=_PLANNER,
        old="if snapshot.is_paused and not owed.only_next_is_missing:",
        new="if snapshot.is_paused and owed.only_next_is_missing:",
        tests=("operations/test_pause_workflow.py::test_an_owed_retry_from_prepare_waits",),
    ),
    Fault(
        says="a blocked run is carried on",
        breaks="P3",
        file=_PLANNER,
        old='    if run.status == "blocked":\n        return _HELD\n',
        new="",
        tests=(_TABLE,),
    ),
    Fault(
        says="a failure that waits for a person holds its workflow no longer",
        breaks="P3",
        file=_PLANNER,
        old="if snapshot.owed is not None:",
        new="if snapshot.owed is not None and snapshot.owed.due_at is not None:",
        tests=(_TABLE,),
    ),
    Fault(
        says="the backoff of a retry is not waited for",
        breaks="P3",
        file=_PLANNER,
        old="if owed.due_at <= snapshot.now:",
        new="if owed.due_at:",
        tests=("engine/test_failures.py::test_a_transient_failure_is_retried_after_the_backoff",),
    ),
    Fault(
        says="the newest event is handled first",
        breaks="P2",
        file=_PLANNER,
        old="first = min(runnable, key",
        new="first = max(runnable, key",
        tests=(
            "engine/test_waking_consumers.py"
            "::test_the_oldest_event_is_handled_first_whatever_its_consumer",
        ),
    ),
    Fault(
        says="a workflow at rest forgets when a consumer wants to look again",
        breaks="P2",
        file=_PLANNER,
        old="    moments = [view.wake_at for view in snapshot.consumers]\n    moments +=",
        new="    moments =",
        tests=(
            "engine/test_claims.py"
            "::test_a_workflow_at_rest_is_due_when_a_consumer_wants_to_look_again",
        ),
    ),
    Fault(
        says="arrivals are taken for seen before anything looks",
        breaks="P2",
        file="workflows_app/engine/host.py",
        old="        decision = decide(snapshot)\n",
        new=(
            "        decision = decide(snapshot)\n"
            "        Arrival.objects.filter(topic__workflow=workflow).delete()\n"
        ),
        tests=(
            "engine/test_pausing.py::test_what_arrives_while_paused_is_looked_at_after",
            "engine/test_waking_consumers.py"
            "::test_an_event_that_waits_for_another_consumer_is_looked_at_after_it",
        ),
    ),
    Fault(
        says="an arrival is never taken for seen",
        breaks="P2",
        file="workflows_app/engine/host.py",
        old="Arrival.objects.filter(topic__consumer=handler).delete()",
        new="Arrival.objects.filter(topic__consumer=handler).exists()",
        tests=("engine/test_offered_events.py::test_an_empty_prepare_waits_for_the_next_event",),
    ),
    Fault(
        says="a consumed event becomes pending again",
        breaks="P1",
        file=_NEXT,
        old="            event.consume()\n",
        new="            event.release()\n",
        tests=(
            "engine/test_run_protocol.py::test_events_are_handled_in_the_order_of_their_arrival",
        ),
    ),
    Fault(
        says="a run commits and keeps its events",
        breaks="P2",
        file=_NEXT,
        old="            event.consume()\n",
        new="            event.hand_over(run)\n",
        tests=(
            "engine/test_run_protocol.py::test_each_step_is_committed_before_authors_code_goes_on",
        ),
    ),
    Fault(
        says="what next publishes does not inherit the causes",
        breaks="P5",
        file=_NEXT,
        old="inputs = inherited or [",
        new="inputs = [",
        tests=(
            "engine/test_publications.py"
            "::test_an_event_inherits_the_inputs_of_all_that_the_run_reserved",
        ),
    ),
    Fault(
        says="what next publishes does not say which run made it",
        breaks="P5",
        file=_NEXT,
        old="item.payload, inputs=inputs, created_by=run\n",
        new="item.payload, inputs=inputs\n",
        tests=(
            "engine/test_publications.py"
            "::test_an_event_inherits_the_inputs_of_all_that_the_run_reserved",
        ),
    ),
    Fault(
        says="next is told that a skipped effect was applied",
        breaks="P3",
        file=_NEXT,
        old='return MutationOutcome("skipped")',
        new='return MutationOutcome("applied")',
        tests=(
            "operations/test_skip_run.py::test_next_learns_that_it_was_skipped_and_nothing_is_sent",
        ),
    ),
    Fault(
        says="the state that a consumer returns is lost",
        breaks="P2",
        file=_NEXT,
        old='        fields.append("state")\n',
        new="",
        tests=(
            "engine/test_prepare_results.py::test_what_next_returns_is_the_state_of_the_consumer",
        ),
    ),
    Fault(
        says="a violation that next catches goes through",
        breaks="P2",
        file=_NEXT,
        old="        view.raise_violation()\n",
        new="",
        tests=(
            "engine/test_violations_after_the_call.py"
            "::test_a_violation_that_the_handler_catches_fails_the_run_all_the_same",
        ),
    ),
]
