"""Attempts that failed: who holds their events, and how often the work is tried again."""

from tests.mutants.fault import Fault

_RETRY = "workflows_app/engine/retry.py"

RETRIES = [
    Fault(
        says="events are released though their effect was applied",
        breaks="P1",
        file=_RETRY,
        old=("    if not binds:\n        release_events("),
        new=("    if reason:\n        release_events("),
        tests=(
            "engine/test_retry_from_next.py"
            "::test_the_events_stay_reserved_and_nothing_is_sent_again",
        ),
    ),
    Fault(
        says="events of a failed run that did nothing stay reserved",
        breaks="P2",
        file=_RETRY,
        old=("    if not binds:\n        release_events("),
        new=("    if run.status == Run.Status.CRASHED:\n        release_events("),
        tests=(
            "engine/test_failures.py"
            "::test_events_are_released_with_the_reason_when_nothing_was_done_outside",
        ),
    ),
    Fault(
        says="a failed run owes no retry, and its workflow goes on without it",
        breaks="P2",
        file=_RETRY,
        old="run.owes_retry = binds or case.has_handler()",
        new="run.owes_retry = binds",
        tests=("engine/test_failures.py::test_a_transient_failure_is_retried_after_the_backoff",),
    ),
    Fault(
        says="a run that was retried still owes a retry",
        breaks="P1",
        file=_RETRY,
        old="        run.owes_retry = False\n",
        new="        run.owes_retry = True\n",
        tests=("engine/test_failures.py::test_a_transient_failure_is_retried_after_the_backoff",),
    ),
    Fault(
        says="a fault of the code is tried again and again",
        breaks="P3",
        file=_RETRY,
        old="if run.owes_retry and kind == Kind.TRANSIENT and retries_left:",
        new="if run.owes_retry and retries_left:",
        tests=("engine/test_failures.py::test_a_fault_of_the_code_waits_for_other_code",),
    ),
    Fault(
        says="transient failures are retried without an end",
        breaks="P3",
        file=_RETRY,
        old="retries_left = run.earlier_failures < policy.transient_retries",
        new="retries_left = True",
        tests=(
            "engine/test_failures.py"
            "::test_the_backoff_doubles_up_to_the_limit_and_then_a_person_is_needed",
        ),
    ),
    Fault(
        says="the retry of next does not know the outcome",
        breaks="P1",
        file=_RETRY,
        old="carried_mutation=run.settled_mutation if next_only else None,",
        new="carried_mutation=None,",
        tests=(
            "engine/test_retry_from_next.py"
            "::test_the_events_stay_reserved_and_nothing_is_sent_again",
        ),
    ),
    Fault(
        says="the outcome is carried to one retry of next, and not to the one after it",
        breaks="P1",
        file=_RETRY,
        old="carried_mutation=run.settled_mutation if next_only else None,",
        new='carried_mutation=getattr(run, "mutation", None) if next_only else None,',
        tests=(
            "engine/test_retry_from_next.py"
            "::test_retries_of_next_are_counted_and_then_wait_for_a_person",
        ),
    ),
    Fault(
        says="a run that takes over does not take over the events",
        breaks="P2",
        file=_RETRY,
        old="        event.hand_over(retry)\n",
        new="        event.hand_over(run)\n",
        tests=(
            "operations/test_it_didnt_happen.py"
            "::test_the_run_ends_and_a_new_one_takes_over_all_it_held",
        ),
    ),
    Fault(
        says="the repeated call has no key of the first one",
        breaks="P1",
        file=_RETRY,
        old='idempotency_key=run.idempotency_key if keeps else "",',
        new='idempotency_key="",',
        tests=(
            "engine/test_idempotency_keys.py::test_it_didnt_happen_keeps_the_key_along_the_chain",
        ),
    ),
    Fault(
        says="new code that comes while the old code fails does not bring on the retry",
        breaks="P6",
        file=_RETRY,
        old="elif run.owes_retry and case.has_newer_code:",
        new="elif run.owes_retry and not case.code:",
        tests=(
            "engine/test_deploys_under_way.py"
            "::test_a_run_that_fails_under_old_code_during_the_deploy_is_tried_with_the_new",
        ),
    ),
]
