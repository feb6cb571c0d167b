"""Two workers on one workflow: the lock, the lease and the token."""

from tests.mutants.fault import Fault

_TURN = "workflows_app/engine/turn.py"
_CLAIMS = "workflows_app/engine/claims.py"
_RESTING = "workflows_app/engine/resting.py"

CLAIMS = [
    Fault(
        says="a worker that was overtaken may still write",
        breaks="P1",
        file=_TURN,
        old="if (locked.token, locked.holder) != ours:",
        new="if not locked.token:",
        tests=("engine/test_fencing.py",),
    ),
    Fault(
        says=(
            "a claim is taken for one's own because it has the same number, after a crash forgot it"
        ),
        breaks="P1",
        file=_TURN,
        old="if (locked.token, locked.holder) != ours:",
        new="if locked.token != holding.claim.token:",
        tests=(
            "away/test_crashes_that_forget.py"
            "::test_two_claims_of_one_number_are_not_taken_for_each_other",
        ),
    ),
    Fault(
        says="a worker finds out that it was overtaken, and writes all the same",
        breaks="P1",
        file=_TURN,
        old="else taken.fenced).append(holding)\n                continue\n",
        new="else taken.fenced).append(holding)\n",
        tests=("engine/test_fencing.py",),
    ),
    Fault(
        says="what a run records is kept though another worker has taken the run over",
        breaks="P1",
        file=_TURN,
        old="        if self._is_alone:\n",
        new="        if self._is_alone and not self._items:\n",
        tests=("engine/test_record.py::test_a_worker_that_was_overtaken_in_record_writes_nothing",),
    ),
    Fault(
        says="the workflow is read without its lock",
        breaks="P1",
        file=_CLAIMS,
        old='Workflow.objects.select_for_update(of=("self", "lease"), no_key=True)',
        new="Workflow.objects.all()",
        tests=(
            "concurrency/test_matrix.py"
            "::test_the_first_one_wins_and_the_second_one_is_told[claim-then-second-claim]",
        ),
    ),
    Fault(
        says="a claim that has expired is never taken over",
        breaks="P2",
        file=_CLAIMS,
        old=("is_expired = lease.expires_at is not None and lease.expires_at <= lease.seen_at"),
        new="is_expired = False",
        tests=("engine/test_claims.py::test_a_held_workflow_is_taken_over_only_from_who_is_gone",),
    ),
    Fault(
        says="a claim is taken over before it has expired",
        breaks="P1",
        file=_CLAIMS,
        old="lease.expires_at <= lease.seen_at",
        new="lease.expires_at >= lease.seen_at",
        tests=("engine/test_claims.py::test_a_held_workflow_is_taken_over_only_from_who_is_gone",),
    ),
    Fault(
        says="a process of another machine with a number that is free here counts as gone",
        breaks="P1",
        file=_CLAIMS,
        old="if machine != _machine():",
        new='if machine == "":',
        tests=("engine/test_claims.py::test_a_held_workflow_is_taken_over_only_from_who_is_gone",),
    ),
    Fault(
        says=("a host is taken for the earlier one of its thread, whose calls it knows nothing of"),
        breaks="P1",
        file=_CLAIMS,
        old='return f"{this_holder()}/{next(_hosts)}"',
        new="return this_holder()",
        tests=(
            "engine/test_claims.py"
            "::test_a_host_that_fails_keeps_its_claim_while_a_call_is_under_way",
        ),
    ),
    Fault(
        says="a claim does not end the earlier ones",
        breaks="P1",
        file=_CLAIMS,
        old="lease.token += 1",
        new="lease.token += 0",
        tests=(
            "engine/test_claims.py::test_a_free_workflow_is_claimed_for_a_while",
            "engine/test_claims.py::test_releasing_a_claim_that_is_over_changes_nothing",
        ),
    ),
    Fault(
        says="a turn does not lock the workflows that it writes to",
        breaks="P1",
        file="workflows_app/engine/sight.py",
        old=" FOR NO KEY UPDATE OF workflow, lease {wait}\n",
        new="\n",
        tests=(
            "concurrency/test_matrix.py"
            "::test_the_first_one_wins_and_the_second_one_is_told[takeover-then-commit]",
        ),
    ),
    Fault(
        says="the claim may end while the call is under way",
        breaks="P1",
        file=_RESTING,
        old="calls = holding.id in outside or any(",
        new="calls = any(",
        tests=("engine/test_fencing.py::test_the_claim_outlasts_a_call_under_way",),
    ),
    Fault(
        says="a claim is kept for as long as a turn takes, not as long as a call",
        breaks="P1",
        file=_RESTING,
        old="timedelta(seconds=longest + policy().lease_seconds)",
        new="timedelta(seconds=policy().lease_seconds)",
        tests=("engine/test_fencing.py::test_the_claim_outlasts_a_call_under_way",),
    ),
    Fault(
        says="a claim lasts for as long as it was taken for, however short that has become",
        breaks="P1",
        file=_RESTING,
        old="if expires_at is not None and expires_at >= until:",
        new="if expires_at is not None:",
        tests=("engine/test_late_checkpoints.py",),
    ),
    Fault(
        says="giving a claim back that is over ends another worker's claim",
        breaks="P1",
        file=_CLAIMS,
        old="pk=claim.workflow_id, token=claim.token, holder=claim.holder",
        new="pk=claim.workflow_id, holder=claim.holder",
        tests=("engine/test_claims.py::test_releasing_a_claim_that_is_over_changes_nothing",),
    ),
    Fault(
        says=(
            "giving a claim back ends that of another worker, to whom a crash gave the same number"
        ),
        breaks="P1",
        file=_CLAIMS,
        old="pk=claim.workflow_id, token=claim.token, holder=claim.holder",
        new="pk=claim.workflow_id, token=claim.token",
        tests=(
            "engine/test_claims.py"
            "::test_a_claim_of_the_same_number_by_somebody_else_is_not_released",
        ),
    ),
    Fault(
        says="a claim is given back while calls of it are under way",
        breaks="P1",
        file="workflows_app/engine/host.py",
        old="for pk, one in self.holdings.items() if pk not in calling]",
        new="for pk, one in self.holdings.items() if pk or calling]",
        tests=(
            "engine/test_claims.py"
            "::test_a_host_that_fails_keeps_its_claim_while_a_call_is_under_way",
        ),
    ),
]
