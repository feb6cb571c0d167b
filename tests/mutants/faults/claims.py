"""Two workers on one workflow: the lock, the lease and the token."""

from tests.mutants.fault import Fault

_FILE = "workflows_app/engine/claims.py"

CLAIMS = [
    Fault(
        says="a worker that was overtaken may still write",
        breaks="P1",
        file=_FILE,
        old="if not found or (found[0].lease.token, found[0].lease.holder) != ours:",
        new="if not found or not ours:",
        tests=("engine/test_fencing.py",),
    ),
    Fault(
        says="a claim is taken for one's own because it has the same number, after a crash forgot it",
        breaks="P1",
        file=_FILE,
        old="if not found or (found[0].lease.token, found[0].lease.holder) != ours:",
        new="if not found or found[0].lease.token != ours[0]:",
        tests=(
            "away/test_crashes_that_forget.py"
            "::test_two_claims_of_one_number_are_not_taken_for_each_other",
        ),
    ),
    Fault(
        says="the workflow is read without its lock",
        breaks="P1",
        file=_FILE,
        old='Workflow.objects.select_for_update(of=("self", "lease"), no_key=True)',
        new="Workflow.objects.all()",
        tests=(
            "concurrency/test_matrix.py::test_the_first_one_wins_and_the_second_one_is_told"
            "[claim-then-second-claim]",
        ),
    ),
    Fault(
        says="a claim that has expired is never taken over",
        breaks="P2",
        file=_FILE,
        old="is_expired = lease.expires_at is not None and lease.expires_at <= lease.seen_at",
        new="is_expired = False",
        tests=("engine/test_claims.py::test_a_held_workflow_is_taken_over_only_from_who_is_gone",),
    ),
    Fault(
        says="a claim is taken over before it has expired",
        breaks="P1",
        file=_FILE,
        old="lease.expires_at <= lease.seen_at",
        new="lease.expires_at >= lease.seen_at",
        tests=("engine/test_claims.py::test_a_held_workflow_is_taken_over_only_from_who_is_gone",),
    ),
    Fault(
        says="a process of another machine with a number that is free here counts as gone",
        breaks="P1",
        file=_FILE,
        old="if machine != _machine():",
        new='if machine == "":',
        tests=("engine/test_claims.py::test_a_held_workflow_is_taken_over_only_from_who_is_gone",),
    ),
    Fault(
        says="a claim does not end the earlier ones",
        breaks="P1",
        file=_FILE,
        old="lease.token += 1",
        new="lease.token += 0",
        tests=("engine/test_claims.py::test_every_claim_ends_the_earlier_ones",),
    ),
    Fault(
        says="an answer is written under a claim that is over",
        breaks="P1",
        file=_FILE,
        old="lease.token = $2 AND lease.holder = $3\n           AND mutation.status",
        new="(lease.token <> $2 OR lease.holder <> $3 OR true)\n           AND mutation.status",
        tests=("engine/test_fencing.py",),
    ),
    Fault(
        says="a run is committed under a claim that is over",
        breaks="P1",
        file=_FILE,
        old="lease.token = $2 AND lease.holder = $3\n           FOR",
        new="(lease.token <> $2 OR lease.holder <> $3 OR true)\n           FOR",
        tests=("engine/test_fencing.py",),
    ),
    Fault(
        says="a checkpoint is made under a claim that is over",
        breaks="P1",
        file=_FILE,
        old="lease.token = $2 AND lease.holder = $3\n           AND run.id",
        new="(lease.token <> $2 OR lease.holder <> $3 OR true)\n           AND run.id",
        tests=("engine/test_fencing.py",),
    ),
    Fault(
        says="a checkpoint that a given-up session brings late reserves the events again",
        breaks="P1",
        file=_FILE,
        old=" AND run.phase = 'preparing' AND run.ended_at IS NULL",
        new="",
        tests=("engine/test_late_checkpoints.py",),
    ),
    Fault(
        says="a checkpoint that waits for a lock is made though its worker died meanwhile",
        breaks="P1",
        file=_FILE,
        old=" OF workflow, lease, run NOWAIT",
        new=" OF workflow, lease, run",
        tests=(
            "crash/test_frozen_worker.py"
            "::test_a_worker_that_is_frozen_in_a_transaction_does_not_keep_its_locks",
        ),
    ),
    Fault(
        says="a checkpoint takes the claim for as long as this worker remembers it",
        breaks="P1",
        file=_FILE,
        old=">= statement_timestamp() + make_interval(secs => $6)",
        new="IS NOT NULL AND $6::float8 IS NOT NULL",
        tests=("engine/test_late_checkpoints.py",),
    ),
    Fault(
        says="what a given-up session brings late is written a second time",
        breaks="P4",
        file=_FILE,
        old="AND mutation.status = 'in_flight'",
        new="AND mutation.status <> ''",
        tests=("engine/test_fencing.py",),
    ),
    Fault(
        says="the lock that goes along with writes does not wait for another session",
        breaks="P1",
        file=_FILE,
        old="           FOR NO KEY UPDATE OF workflow, lease\n",
        new="",
        tests=(
            "concurrency/test_matrix.py"
            "::test_the_first_one_wins_and_the_second_one_is_told[takeover-then-commit]",
        ),
    ),
    Fault(
        says="giving a claim back that is over ends another worker's claim",
        breaks="P1",
        file=_FILE,
        old="pk=claim.workflow_id, token=claim.token, holder=this_holder()",
        new="pk=claim.workflow_id, holder=this_holder()",
        tests=("engine/test_claims.py::test_releasing_a_claim_that_is_over_changes_nothing",),
    ),
    Fault(
        says="a claim is shortened by a shorter call",
        breaks="P1",
        file=_FILE,
        old="if lease.expires_at is not None and lease.expires_at >= until:",
        new="if False:",
        tests=("engine/test_claims.py::test_a_claim_is_extended_but_never_shortened",),
    ),
]
