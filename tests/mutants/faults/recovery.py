"""After a worker died or a handler hung: what the ledger says is done, and how often it is tried again."""

from tests.mutants.fault import Fault

_RECOVERY = "workflows_app/engine/recovery.py"
_RETRY = "workflows_app/engine/retry.py"
_CANNOT_BE_ASKED = (
    "engine/test_recovery.py::test_while_in_flight_a_mutator_that_cannot_be_asked_blocks"
)
_POISON = "engine/test_poison.py::test_after_crashes_in_a_row_it_fails_as_poison_and_waits"

RECOVERY = [
    Fault(
        says="a call that was in flight when its worker died is made again",
        breaks="P1",
        file=_RECOVERY,
        old="if mutation is not None and was_in_flight(run):",
        new="if mutation is None:",
        tests=(_CANNOT_BE_ASKED,),
    ),
    Fault(
        says="an applied effect is made again after a crash",
        breaks="P1",
        file=_RETRY,
        old="_SETTLED = (Mutation.Status.APPLIED, Mutation.Status.SKIPPED)",
        new="_SETTLED = (Mutation.Status.SKIPPED,)",
        tests=("engine/test_recovery.py::test_after_it_was_applied_only_next_runs_again",),
    ),
    Fault(
        says="a skip is forgotten by a crash",
        breaks="P1",
        file=_RETRY,
        old="_SETTLED = (Mutation.Status.APPLIED, Mutation.Status.SKIPPED)",
        new="_SETTLED = (Mutation.Status.APPLIED,)",
        tests=("operations/test_skip_run.py::test_a_crash_in_next_brings_skipped_to_next_again",),
    ),
    Fault(
        says="a no that next was about to handle is forgotten by a crash",
        breaks="P1",
        file=_RETRY,
        old="return mutation.status in _SETTLED or is_handled_no",
        new="return mutation.status in _SETTLED or (is_handled_no and False)",
        tests=(
            "engine/test_rejection.py"
            "::test_after_a_crash_next_is_told_the_same_and_nothing_is_sent_again",
        ),
    ),
    Fault(
        says="what a dead worker had only begun is owed to nobody",
        breaks="P2",
        file=_RECOVERY,
        old="run.owes_retry = keeps or case.has_handler()",
        new="run.owes_retry = keeps",
        tests=(_POISON,),
    ),
    Fault(
        says="a dead worker keeps its events",
        breaks="P2",
        file=_RECOVERY,
        old="        retry.release_events(case.events, reason=reason)\n",
        new="        assert reason\n",
        tests=(
            "engine/test_recovery.py"
            "::test_without_a_call_a_crash_in_next_starts_from_prepare_again",
        ),
    ),
    Fault(
        says="a crash makes prepare run anew, though a person had asked for the same call",
        breaks="P1",
        file=_RECOVERY,
        old="keeps = retry.only_next_is_missing(run) or (took_over(run) and not is_poison)",
        new="keeps = retry.only_next_is_missing(run)",
        tests=(
            "engine/test_idempotency_keys.py"
            "::test_a_crash_before_the_retry_of_a_person_was_sent_keeps_its_prepare_result",
        ),
    ),
    Fault(
        says="a lost answer leaves no evidence",
        breaks="P5",
        file=_RECOVERY,
        old=(
            "        record_evidence(mutation, Evidence.Kind.EXECUTE, "
            "Finding(Verdict.UNKNOWN, LOST))\n"
        ),
        new="",
        tests=(_CANNOT_BE_ASKED,),
    ),
    Fault(
        says="a run whose worker died is carried on from its phase",
        breaks="P1",
        file="workflows_app/engine/work.py",
        old="is_orphaned=fencing not in (None, token) or phase == Run.Phase.MUTATING,",
        new="is_orphaned=False,",
        tests=(_CANNOT_BE_ASKED,),
    ),
    Fault(
        says="a run that was forgotten by a crash goes on under the number of another one",
        breaks="P1",
        file="workflows_app/engine/turn.py",
        old="if run is None or run.started_at != hand.run.started_at:",
        new="if run is None:",
        tests=(
            "away/test_crashes_that_forget.py"
            "::test_a_run_that_was_forgotten_does_not_go_on_under_the_number_of_another",
        ),
    ),
    Fault(
        says="what ended a worker is begun again without a pause",
        breaks="P8",
        file=_RECOVERY,
        old="run.retry_due_at = case.now + case.policy.retry_delay(run.earlier_crashes + 1)",
        new="run.retry_due_at = case.now",
        tests=(_POISON,),
    ),
    Fault(
        says="the pause after a crash does not grow",
        breaks="P8",
        file=_RECOVERY,
        old="case.policy.retry_delay(run.earlier_crashes + 1)",
        new="case.policy.retry_delay(1)",
        tests=(_POISON,),
    ),
    Fault(
        says="what ends one worker after the other is begun again without end",
        breaks="P8",
        file=_RECOVERY,
        old="is_poison = run.earlier_crashes >= case.policy.crash_retries",
        new="is_poison = run.earlier_crashes < 0",
        tests=(_POISON,),
    ),
    Fault(
        says="crashes in a row are not counted",
        breaks="P8",
        file=_RETRY,
        old='"crashes": run.earlier_crashes + 1}',
        new='"crashes": run.earlier_crashes}',
        tests=(_POISON,),
    ),
    Fault(
        says="poison is tried again by itself",
        breaks="P8",
        file=_RECOVERY,
        old="if run.owes_retry and not is_poison:",
        new="if run.owes_retry:",
        tests=(_POISON,),
    ),
    Fault(
        says="poison after an applied effect gives its events back",
        breaks="P1",
        file=_RECOVERY,
        old="    if not keeps:\n",
        new="    if not keeps or is_poison:\n",
        tests=(
            "engine/test_poison.py"
            "::test_after_an_applied_effect_poison_keeps_the_events_and_sends_nothing",
        ),
    ),
    Fault(
        says="new code that retries poison has one try only",
        breaks="P6",
        file=_RETRY,
        old='"failures": run.earlier_failures + 1 if is_transient else 0, "crashes": 0}',
        new=(
            '"failures": run.earlier_failures + 1 if is_transient else 0, "crashes": '
            "run.earlier_crashes}"
        ),
        tests=("engine/test_poison.py::test_a_new_version_retries_it_and_counts_from_the_start",),
    ),
    Fault(
        says="a handler may take as long as it likes",
        breaks="P8",
        file="workflows_app/engine/handing.py",
        old="return Job(work, seconds=limit, done=done, late=lambda answer: None)",
        new="return Job(work, seconds=limit * 1000, done=done, late=lambda answer: None)",
        tests=(
            "engine/test_poison.py::test_a_handler_that_outlasts_its_time_is_a_crash_of_its_run",
        ),
    ),
    Fault(
        says="a poll that ends workers is begun again without a pause",
        breaks="P8",
        file=_RETRY,
        old="    wake_at = case.now + case.policy.retry_delay(failures)\n",
        new="    wake_at = case.now\n",
        tests=(
            "engine/test_poison.py::test_a_poll_that_ends_workers_polls_again_after_growing_pauses",
        ),
    ),
    Fault(
        says="a poll that failed waits for its schedule, though the backoff is over",
        breaks="P2",
        file=_RETRY,
        old="wake_at = min(wake_at, case.code.schedule_of(handler).next_after(case.now))",
        new="wake_at = max(wake_at, case.code.schedule_of(handler).next_after(case.now))",
        tests=(
            "engine/test_failures.py"
            "::test_a_failed_poll_owes_nothing_and_polls_again_after_the_backoff",
            "engine/test_failures.py::test_a_failed_poll_is_not_due_later_than_its_schedule_says",
        ),
    ),
    Fault(
        says="one worker that dies with many calls in flight stops all others",
        breaks="P8",
        file="workflows_app/engine/beginning.py",
        old="is_counted = death in holding.deaths or death in self._deaths",
        new="is_counted = False",
        tests=(
            "engine/test_recovery.py"
            "::test_a_death_is_one_unknown_to_the_breaker_however_many_calls_were_in_flight",
        ),
    ),
    Fault(
        says="calls that end their workers go out without end",
        breaks="P8",
        file="workflows_app/engine/recovery.py",
        old="        if not is_counted:\n",
        new="        if is_counted and not run:\n",
        tests=(
            "engine/test_recovery.py"
            "::test_calls_that_end_one_worker_after_the_other_open_the_breaker",
        ),
    ),
    Fault(
        says="a call goes out though the trial has just ended its worker",
        breaks="P8",
        file="workflows_app/engine/beginning.py",
        old="if self._changes.breaker_opened and",
        new="if not self._changes and",
        tests=(
            "engine/test_recovery.py"
            "::test_calls_that_end_one_worker_after_the_other_open_the_breaker",
        ),
    ),
]
