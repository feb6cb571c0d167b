"""After a worker died: what the ledger says is done, and nothing else."""

from tests.mutants.fault import Fault

_FILE = "workflows_app/engine/recovery.py"
_RETRY = "workflows_app/engine/retry.py"

RECOVERY = [
    Fault(
        says="a call that was in flight when its worker died is made again",
        breaks="P1",
        file=_FILE,
        old="if mutation is not None and mutation.status == Mutation.Status.IN_FLIGHT:",
        new="if mutation is None:",
        tests=(
            "engine/test_recovery.py::test_while_in_flight_a_mutator_that_cannot_be_asked_blocks",
        ),
    ),
    Fault(
        says="an applied effect is made again after a crash",
        breaks="P1",
        file=_RETRY,
        old="        Mutation.Status.APPLIED,\n        Mutation.Status.SKIPPED,\n",
        new="        Mutation.Status.SKIPPED,\n",
        tests=("engine/test_recovery.py::test_after_it_was_applied_only_next_runs_again",),
    ),
    Fault(
        says="a skip is forgotten by a crash",
        breaks="P1",
        file=_RETRY,
        old="        Mutation.Status.APPLIED,\n        Mutation.Status.SKIPPED,\n",
        new="        Mutation.Status.APPLIED,\n",
        tests=("operations/test_skip_run.py::test_a_crash_in_next_brings_skipped_to_next_again",),
    ),
    Fault(
        says="what a dead worker had only begun is never begun again",
        breaks="P2",
        file=_FILE,
        old="        run.owes_retry = True\n        run.retry_due_at = now\n",
        new="        pass\n",
        tests=("engine/test_harmless_crashes.py::test_a_crash_of_an_empty_look_loses_no_wake_up",),
    ),
    Fault(
        says="a dead worker keeps its events",
        breaks="P2",
        file=_FILE,
        old=(
            '    retry.release_events(run, reason=f"the worker of run {run.pk} died before it did'
            ' anything")\n'
        ),
        new="",
        tests=(
            "engine/test_recovery.py"
            "::test_without_a_call_a_crash_in_next_starts_from_prepare_again",
        ),
    ),
    Fault(
        says="a crash makes prepare run anew, though a person had asked for the same call",
        breaks="P1",
        file=_FILE,
        old="if _took_over_its_prepare_result(run):",
        new="if run.retry_of is None and _took_over_its_prepare_result(run):",
        tests=(
            "engine/test_idempotency_keys.py"
            "::test_a_crash_before_the_retry_of_a_person_was_sent_keeps_its_prepare_result",
        ),
    ),
    Fault(
        says="a lost answer leaves no evidence",
        breaks="P5",
        file=_FILE,
        old="        ledger.record_evidence(mutation, Evidence.Kind.EXECUTE, nothing_came_back)\n",
        new="        assert nothing_came_back and Evidence\n",
        tests=(
            "engine/test_recovery.py::test_while_in_flight_a_mutator_that_cannot_be_asked_blocks",
        ),
    ),
    Fault(
        says="a run whose worker died is carried on from its phase",
        breaks="P1",
        file="workflows_app/engine/snapshot.py",
        old="is_orphaned=run.fencing_token is not None and run.fencing_token != token,",
        new="is_orphaned=False,",
        tests=(
            "engine/test_recovery.py::test_while_in_flight_a_mutator_that_cannot_be_asked_blocks",
        ),
    ),
]
