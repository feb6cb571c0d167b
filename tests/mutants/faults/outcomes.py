"""Reading answers, asking, and what an unknown outcome does to the run."""

from tests.mutants.fault import Fault

_ANSWERS = "workflows_app/engine/answers.py"
_TURN = "workflows_app/engine/turn.py"
_OUTCOMES = "workflows_app/engine/outcomes.py"
_LATE = "workflows_app/engine/late.py"
_TURNING = "workflows_app/engine/turning.py"
_UNSURE = (
    "engine/test_unknown_outcomes.py"
    "::test_whatever_is_not_sure_is_unknown_and_blocks_if_nobody_can_ask"
)

OUTCOMES = [
    Fault(
        says="an error or a time-out is taken for 'it did not happen'",
        breaks="P1",
        file=_ANSWERS,
        old=(
            "return Finding(Verdict.UNKNOWN, detail, duration_ms=answer.duration_ms, "
            "traceback=where)"
        ),
        new=(
            "return Finding(Verdict.NOT_APPLIED, detail, duration_ms=answer.duration_ms, "
            "traceback=where)"
        ),
        tests=(_UNSURE,),
    ),
    Fault(
        says="a time-out is taken for success",
        breaks="P3",
        file=_ANSWERS,
        old=(
            "    if answer.timed_out or answer.error is not None:\n"
            "        return _unknown(answer, policy)\n"
            "    return _applied"
        ),
        new=(
            "    if answer.error is not None:\n"
            "        return _unknown(answer, policy)\n"
            "    return _applied"
        ),
        tests=("engine/test_policies.py::test_the_time_limit_of_a_call_is_the_mutators",),
    ),
    Fault(
        says="a sure 'it did not happen' is taken for unknown",
        breaks="P3",
        file=_ANSWERS,
        old="if isinstance(answer.error, NotApplied):",
        new="if answer.error is None and isinstance(answer.value, NotApplied):",
        tests=(
            "engine/test_sure_refusals.py"
            "::test_a_sure_no_that_may_change_is_retried_from_a_fresh_prepare",
        ),
    ),
    Fault(
        says="what the outside system rejects for good is tried again by itself",
        breaks="P3",
        file=_ANSWERS,
        old="retryable=answer.error.retryable,",
        new="retryable=True,",
        tests=(
            "engine/test_sure_refusals.py"
            "::test_a_sure_no_to_these_parameters_waits_for_other_code_or_a_person",
        ),
    ),
    Fault(
        says="a result that is no JSON counts as applied",
        breaks="P3",
        file=_ANSWERS,
        old=('{_shown(result)}")\n        return Finding(Verdict.UNKNOWN,'),
        new=('{_shown(result)}")\n        return Finding(Verdict.APPLIED,'),
        tests=(_UNSURE,),
    ),
    Fault(
        says="the outcome may be lost though next goes on with it",
        breaks="P1",
        file=_TURN,
        old="_MUST_LAST = (Prepared, Called, Asked)",
        new="_MUST_LAST = (Prepared, Asked)",
        tests=(
            "engine/test_commit_cost.py::test_one_waits_before_the_call_leaves_and_one_before_next",
        ),
    ),
    Fault(
        says="an unknown outcome that nobody can ask about is retried",
        breaks="P1",
        file=_OUTCOMES,
        old='        return block(case, f"outcome unknown, and the host can\'t ask: {why}")',
        new=(
            "        answer = Finding(Verdict.NOT_APPLIED, why)\n"
            "        return _write_not_applied(case, answer, by=Mutation.ResolvedBy.RESPONSE)"
        ),
        tests=(_UNSURE,),
    ),
    Fault(
        says="a blocked run releases its events",
        breaks="P1",
        file=_OUTCOMES,
        old="    run.block()\n",
        new=("    run.block()\n    retry.release_events(case.events, reason=why)\n"),
        tests=(_UNSURE,),
    ),
    Fault(
        says="the host gives up at once instead of asking",
        breaks="P3",
        file=_OUTCOMES,
        old="if mutator is None or not mutator.can_reconcile():",
        new="if mutator is None or mutation.ended_at:",
        tests=(
            "engine/test_unknown_outcomes.py"
            "::test_asking_finds_that_it_happened_and_the_same_run_goes_on",
        ),
    ),
    Fault(
        says="the answer to the call leaves no evidence",
        breaks="P5",
        file=_OUTCOMES,
        old="    record_evidence(mutation, Evidence.Kind.EXECUTE, finding)\n",
        new="",
        tests=(
            "engine/test_run_protocol.py::test_the_answer_reaches_next_and_the_ledger",
            _UNSURE,
        ),
    ),
    Fault(
        says="a late answer settles what the host still asks about",
        breaks="P3",
        file=_LATE,
        old=(
            "        record_evidence(mutation, Evidence.Kind.LATE, finding, "
            "contradicts=contradicts)\n"
        ),
        new=(
            "        record_evidence(mutation, Evidence.Kind.LATE, finding, contradicts=contradicts)\n"
            "        if mutation.status == Mutation.Status.NEEDS_RECONCILE:\n"
            '            mutation.apply(result=finding.result, by="response", now=mutation.sent_at)\n'
            "            mutation.save()\n"
        ),
        tests=(
            "engine/test_late_answers.py"
            "::test_a_late_answer_while_the_host_still_asks_does_not_settle_it",
        ),
    ),
    Fault(
        says="a late 'it happened' against a person's assertion is not flagged",
        breaks="P3",
        file=_LATE,
        old="return said_no or said_yes",
        new="return said_no",
        tests=(
            "engine/test_late_answers.py"
            "::test_a_late_answer_is_kept_as_evidence_and_changes_nothing",
        ),
    ),
    Fault(
        says="a late 'it did not happen' against the ledger is not flagged",
        breaks="P3",
        file=_LATE,
        old="return said_no or said_yes",
        new="return said_yes",
        tests=(
            "engine/test_late_answers.py"
            "::test_a_late_answer_is_kept_as_evidence_and_changes_nothing",
            "engine/test_late_answers.py"
            "::test_a_late_answer_that_contradicts_the_outside_system_itself_is_flagged",
        ),
    ),
    Fault(
        says="the answer to a worker that was overtaken is thrown away",
        breaks="P3",
        file="workflows_app/engine/host.py",
        old=(
            "        for item in items:\n"
            "            if item.hand.holding is holding:\n"
            "                record_if_answer(item.hand, item.what)\n"
        ),
        new="        assert isinstance(items, list)\n",
        tests=(
            "engine/test_fencing.py"
            "::test_the_answer_to_a_worker_that_was_overtaken_becomes_late_evidence",
        ),
    ),
    Fault(
        says="an answer that comes back to a lost connection is forgotten",
        breaks="P3",
        file=_TURNING,
        old="if not watch.saw(error) or time.monotonic() + pause > deadline:",
        new="if watch.saw(error) or time.monotonic() + pause > deadline:",
        tests=(
            "engine/test_held_up.py"
            "::test_an_answer_that_came_while_the_connection_was_lost_is_written_down",
        ),
    ),
    Fault(
        says="an outcome is written twice when the answer to its commit was lost",
        breaks="P4",
        file="workflows_app/engine/fitting.py",
        old="        return run.fencing_token == hand.holding.claim.token and is_open_question(run, asked=False)\n",
        new="        return run.fencing_token == hand.holding.claim.token\n",
        tests=(
            "away/test_cut_transactions.py::test_an_answer_to_commit_that_is_lost_costs_nothing",
        ),
    ),
    Fault(
        says="an attempt to ask counts twice when the answer to its commit was lost",
        breaks="P3",
        file="workflows_app/engine/fitting.py",
        old="return attempts == what.attempts and is_open_question(run, asked=True)",
        new="return attempts >= 0 and is_open_question(run, asked=True)",
        tests=(
            "away/test_cut_transactions.py::test_an_answer_to_commit_that_is_lost_costs_nothing",
        ),
    ),
    Fault(
        says="an answer settles what a person has taken over meanwhile",
        breaks="P3",
        file="workflows_app/engine/fitting.py",
        old="return attempts == what.attempts and is_open_question(run, asked=True)",
        new="return bool(attempts == what.attempts)",
        tests=(
            "concurrency/test_person_against_worker.py"
            "::test_an_answer_that_comes_after_a_person_stopped_the_asking_is_kept_and_changes_nothing",
        ),
    ),
    Fault(
        says="an answer that the database refuses counts as 'it did not happen'",
        breaks="P1",
        file=_TURNING,
        old='Finding(Verdict.UNKNOWN, f"the call returned',
        new='Finding(Verdict.NOT_APPLIED, f"the call returned',
        tests=(
            "engine/test_refused_turns.py"
            "::test_an_answer_that_the_database_refuses_is_unknown_and_the_others_go_on",
        ),
    ),
    Fault(
        says="absence counts as proof while the outside system's search lags",
        breaks="P1",
        file=_OUTCOMES,
        old="if finding.verdict != Verdict.NOT_APPLIED or case.now >= proof_at:",
        new="if finding.verdict != Verdict.NOT_APPLIED or case.now >= case.mutation.sent_at:",
        tests=(
            "engine/test_when_to_ask.py"
            "::test_absence_proves_nothing_while_the_search_of_the_outside_system_lags",
        ),
    ),
    Fault(
        says="absence counts from when the call was sent, not from when it ended",
        breaks="P1",
        file=_OUTCOMES,
        old="return (mutation.ended_at or mutation.sent_at) +",
        new="return mutation.sent_at +",
        tests=("engine/test_when_to_ask.py::test_absence_is_counted_from_the_end_of_the_call",),
    ),
    Fault(
        says="the last attempt is spent before absence proves anything",
        breaks="P3",
        file=_OUTCOMES,
        old="return max(due_at, proof_at) if is_last else due_at",
        new="return due_at",
        tests=(
            "engine/test_when_to_ask.py"
            "::test_the_last_attempt_is_not_spent_before_absence_proves_something",
        ),
    ),
    Fault(
        says="the host asks once more than it may",
        breaks="P3",
        file=_OUTCOMES,
        old="if attempt >= policy.reconcile_attempts:",
        new="if attempt > policy.reconcile_attempts:",
        tests=(
            "engine/test_when_to_ask.py"
            "::test_attempts_double_their_distance_and_the_last_one_blocks_at_once",
        ),
    ),
    Fault(
        says="an error of reconcile is taken for 'it did not happen'",
        breaks="P1",
        file=_ANSWERS,
        old=("        return _unknown(answer, policy)\n    found = answer.value\n"),
        new=("        return Finding(Verdict.NOT_APPLIED)\n    found = answer.value\n"),
        tests=("engine/test_unknown_outcomes.py::test_an_unsure_answer_means_to_ask_again_later",),
    ),
    Fault(
        says="'ask again' is taken for 'it did not happen'",
        breaks="P1",
        file=_ANSWERS,
        old='Verdict.NOT_APPLIED if found.verdict == "not_applied" else Verdict.UNKNOWN',
        new="Verdict.NOT_APPLIED",
        tests=("engine/test_unknown_outcomes.py::test_an_unsure_answer_means_to_ask_again_later",),
    ),
    Fault(
        says="the host asks about the call under another key than it was sent",
        breaks="P1",
        file="workflows_app/engine/phases.py",
        old=("return asked(copied(mutation.params), idempotency_key=mutation.idempotency_key)"),
        new=(
            'key = f"{mutation.idempotency_key}-{mutation.reconcile_attempts}"\n'
            "        return asked(copied(mutation.params), idempotency_key=key)"
        ),
        tests=(
            "engine/test_idempotency_keys.py"
            "::test_asking_uses_the_key_and_parameters_that_were_sent",
        ),
    ),
    Fault(
        says="a sure, final no goes to next though the consumer does not handle it",
        breaks="P2",
        file=_OUTCOMES,
        old="if finding.is_rejection and _handles_rejection(case):",
        new="if finding.is_rejection:",
        tests=(
            "engine/test_rejection.py::test_a_consumer_that_does_not_handle_it_fails_as_rejected",
        ),
    ),
    Fault(
        says="a fault of the caller is told to next as a rejection, and consumes the events",
        breaks="P2",
        file="workflows_app/engine/answers.py",
        old="return not (self.retryable or self.caller_fault)",
        new="return not self.retryable",
        tests=("engine/test_rejection.py::test_a_fault_of_the_caller_is_no_answer_to_the_events",),
    ),
    Fault(
        says="a consumer that handles a sure, final no is not told of it",
        breaks="P2",
        file=_OUTCOMES,
        old="if finding.is_rejection and _handles_rejection(case):",
        new="if not finding.is_rejection and _handles_rejection(case):",
        tests=("engine/test_rejection.py::test_next_is_told_why_and_the_events_are_consumed",),
    ),
    Fault(
        says="next is not told why the outside system said no",
        breaks="P5",
        file="workflows_app/engine/commit.py",
        old='said_no = mutation.evidence.filter(verdict="not_applied")',
        new='said_no = mutation.evidence.filter(verdict="unknown")',
        tests=("engine/test_rejection.py::test_next_is_told_why_and_the_events_are_consumed",),
    ),
    Fault(
        says="a late answer is kept twice if the answer to its commit is lost",
        breaks="P3",
        file="workflows_app/engine/late.py",
        old="if not (is_again and _is_kept(mutation, finding)):",
        new="if is_again or not _is_kept(mutation, finding):",
        tests=(
            "away/test_cut_records.py"
            "::test_a_late_answer_of_which_only_the_commit_s_answer_is_lost_is_kept_once",
        ),
    ),
    Fault(
        says="the log tells of what a refused turn did not do",
        breaks="P8",
        file="workflows_app/engine/turn.py",
        old="    with told_when_durable(), transaction.atomic(durable=not is_nested):\n        return",
        new="    with transaction.atomic(durable=not is_nested):\n        return",
        tests=(
            "engine/test_refused_turns.py"
            "::test_a_publication_that_the_database_refuses_fails_its_run_only",
        ),
    ),
]
