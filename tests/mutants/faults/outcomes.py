"""Reading answers, asking, and what an unknown outcome does to the run."""

from tests.mutants.fault import Fault

_LEDGER = "workflows_app/engine/ledger.py"
_RECONCILE = "workflows_app/engine/reconcile.py"
_UNSURE = "engine/test_unknown_outcomes.py::test_whatever_is_not_sure_is_unknown_and_blocks_if_nobody_can_ask"
_LATE = "engine/test_late_answers.py::test_a_late_answer_is_kept_as_evidence_and_changes_nothing"
_LOST_COMMIT = "away/test_cut_transactions.py::test_an_answer_to_commit_that_is_lost_costs_nothing"

OUTCOMES = [
    Fault(
        says="an error or a time-out is taken for 'it did not happen'",
        breaks="P1",
        file=_LEDGER,
        old=(
            'retry.said_by(answer.error)}"\n'
            "    return Finding(Verdict.UNKNOWN, detail, duration_ms=answer.duration_ms)"
        ),
        new=(
            'retry.said_by(answer.error)}"\n'
            "    return Finding(Verdict.NOT_APPLIED, detail, duration_ms=answer.duration_ms)"
        ),
        tests=(_UNSURE,),
    ),
    Fault(
        says="a time-out is taken for success",
        breaks="P3",
        file=_LEDGER,
        old="    if answer.timed_out or answer.error is not None:\n"
        "        return _unknown(answer, policy)\n"
        "    return _applied",
        new="    if answer.error is not None:\n"
        "        return _unknown(answer, policy)\n"
        "    return _applied",
        tests=("engine/test_policies.py::test_the_time_limit_of_a_call_is_the_mutators",),
    ),
    Fault(
        says="a sure 'it did not happen' is taken for unknown",
        breaks="P3",
        file=_LEDGER,
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
        file=_LEDGER,
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
        file=_LEDGER,
        old="return Finding(Verdict.UNKNOWN, str(error), duration_ms=answer.duration_ms)",
        new="return Finding(Verdict.APPLIED, str(error), duration_ms=answer.duration_ms)",
        tests=(_UNSURE,),
    ),
    Fault(
        says="the outcome may be lost though next goes on with it",
        breaks="P1",
        file="workflows_app/engine/claims.py",
        old='_STILL_IN_FLIGHT = """\n    SELECT',
        new="_STILL_IN_FLIGHT = \"\"\"\n    SELECT set_config('synchronous_commit', 'off', true),",
        tests=(
            "engine/test_commit_cost.py::test_one_waits_before_the_call_leaves_and_one_before_next",
        ),
    ),
    Fault(
        says="an unknown outcome that nobody can ask about is retried",
        breaks="P1",
        file=_LEDGER,
        old="""        block(work, mutation, f"outcome unknown, and the host can't ask: {why}")""",
        new=(
            "        answer = Finding(Verdict.NOT_APPLIED, why)\n"
            "        write_not_applied(work, mutation, answer, by=Mutation.ResolvedBy.RESPONSE)"
        ),
        tests=(_UNSURE,),
    ),
    Fault(
        says="a blocked run releases its events",
        breaks="P1",
        file=_LEDGER,
        old="    work.run.block()\n",
        new="    work.run.block()\n    retry.release_events(work.run, reason=why)\n",
        tests=(_UNSURE,),
    ),
    Fault(
        says="the host gives up at once instead of asking",
        breaks="P3",
        file=_LEDGER,
        old="if mutator is not None and mutator.can_reconcile():",
        new="if mutator is None:",
        tests=(
            "engine/test_unknown_outcomes.py"
            "::test_asking_finds_that_it_happened_and_the_same_run_goes_on",
        ),
    ),
    Fault(
        says="the answer to the call leaves no evidence",
        breaks="P5",
        file=_LEDGER,
        old="    record_evidence(mutation, Evidence.Kind.EXECUTE, finding)\n",
        new="",
        tests=("engine/test_run_protocol.py::test_the_answer_reaches_next_and_the_ledger", _UNSURE),
    ),
    Fault(
        says="a late answer settles what the host still asks about",
        breaks="P3",
        file=_LEDGER,
        old="        record_evidence(mutation, Evidence.Kind.LATE, finding, contradicts=contradicts)\n",
        new=(
            "        record_evidence(mutation, Evidence.Kind.LATE, finding, contradicts=contradicts)\n"
            "        if mutation.status == Mutation.Status.NEEDS_RECONCILE:\n"
            '            mutation.apply(result=finding.result, by="response", now=mutation.sent_at)\n'
            '            save_with_history(mutation, reason="late")\n'
        ),
        tests=(
            "engine/test_late_answers.py"
            "::test_a_late_answer_while_the_host_still_asks_does_not_settle_it",
        ),
    ),
    Fault(
        says="a late 'it happened' against a person's assertion is not flagged",
        breaks="P3",
        file=_LEDGER,
        old="return said_no or said_yes",
        new="return said_no",
        tests=(_LATE,),
    ),
    Fault(
        says="a late 'it did not happen' against the ledger is not flagged",
        breaks="P3",
        file=_LEDGER,
        old="return said_no or said_yes",
        new="return said_yes",
        tests=(
            _LATE,
            "engine/test_late_answers.py"
            "::test_a_late_answer_that_contradicts_the_outside_system_itself_is_flagged",
        ),
    ),
    Fault(
        says="the answer to a worker that was overtaken is thrown away",
        breaks="P3",
        file=_LEDGER,
        old="        record_late(mutation, finding)\n        raise",
        new="        raise",
        tests=(
            "engine/test_fencing.py"
            "::test_the_answer_to_a_worker_that_was_overtaken_becomes_late_evidence",
        ),
    ),
    Fault(
        says="an answer that comes back to a lost connection is forgotten",
        breaks="P3",
        file="workflows_app/engine/mutate.py",
        old=(
            "outlast(\n"
            "            partial(ledger.settle_execute, work, mutator, finding),\n"
            "            within_seconds=policy.answer_kept_seconds,\n"
            "        )"
        ),
        new="ledger.settle_execute(work, mutator, finding, not outlast)",
        tests=(
            "engine/test_held_up.py"
            "::test_an_answer_that_came_while_the_connection_was_lost_is_written_down",
        ),
    ),
    Fault(
        says="an outcome is written twice when the answer to its commit was lost",
        breaks="P4",
        file=_LEDGER,
        old="if again and _reread(work).status != Mutation.Status.IN_FLIGHT:",
        new="if again and not _reread(work):",
        tests=(_LOST_COMMIT,),
    ),
    Fault(
        says="an attempt to ask counts twice when the answer to its commit was lost",
        breaks="P3",
        file=_RECONCILE,
        old="if again and work.reread().mutation.reconcile_attempts > attempts:",
        new="if again and work.reread().mutation.reconcile_attempts > attempts + 1:",
        tests=(_LOST_COMMIT,),
    ),
    Fault(
        says="absence counts as proof while the outside system's search lags",
        breaks="P1",
        file=_RECONCILE,
        old="too_early = finding.verdict == Verdict.NOT_APPLIED and now < proof_at",
        new="too_early = False",
        tests=(
            "engine/test_when_to_ask.py"
            "::test_absence_proves_nothing_while_the_search_of_the_outside_system_lags",
        ),
    ),
    Fault(
        says="the last attempt is spent before absence proves anything",
        breaks="P3",
        file=_RECONCILE,
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
        file=_RECONCILE,
        old="elif attempt >= policy.reconcile_attempts:",
        new="elif attempt > policy.reconcile_attempts:",
        tests=(
            "engine/test_when_to_ask.py"
            "::test_attempts_double_their_distance_and_the_last_one_blocks_at_once",
        ),
    ),
    Fault(
        says="an error of reconcile is taken for 'it did not happen'",
        breaks="P1",
        file=_LEDGER,
        old=("        return _unknown(answer, policy)\n    found = answer.value\n"),
        new=("        return Finding(Verdict.NOT_APPLIED)\n    found = answer.value\n"),
        tests=("engine/test_unknown_outcomes.py::test_an_unsure_answer_means_to_ask_again_later",),
    ),
    Fault(
        says="'ask again' is taken for 'it did not happen'",
        breaks="P1",
        file=_LEDGER,
        old='Verdict.NOT_APPLIED if found.verdict == "not_applied" else Verdict.UNKNOWN',
        new="Verdict.NOT_APPLIED",
        tests=("engine/test_unknown_outcomes.py::test_an_unsure_answer_means_to_ask_again_later",),
    ),
    Fault(
        says="the host asks about the call under another key than it was sent",
        breaks="P1",
        file=_RECONCILE,
        old="idempotency_key=mutation.idempotency_key)",
        new='idempotency_key=f"{mutation.idempotency_key}-{mutation.reconcile_attempts}")',
        tests=(
            "engine/test_idempotency_keys.py"
            "::test_asking_uses_the_key_and_parameters_that_were_sent",
        ),
    ),
]
