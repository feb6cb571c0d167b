"""What people decide: who may, on what, and what is written down of it."""

from tests.mutants.fault import Fault

_BASE = "workflows_app/operations/base.py"
_ASSERTING = "workflows_app/operations/asserting.py"
_TWO_PEOPLE = (
    "concurrency/test_matrix.py::test_the_first_one_wins_and_the_second_one_is_told"
    "[it-didnt-happen-then-it-didnt-happen]"
)
_RECORD = "operations/test_base.py::test_a_decision_is_written_down_once_and_wakes_the_host"

DECISIONS = [
    Fault(
        says="everybody of the staff may decide",
        breaks="P4",
        file=_BASE,
        old='if not person.has_perm(f"workflows_app.{permission}"):',
        new="if not person.is_staff:",
        tests=("operations/test_base.py::test_each_operation_needs_its_own_permission",),
    ),
    Fault(
        says="who was dismissed may still decide",
        breaks="P4",
        file=_BASE,
        old="if person is None or not person.is_active:",
        new="if person is None:",
        tests=("operations/test_base.py::test_a_decision_has_a_reason_and_a_person_of_today",),
    ),
    Fault(
        says="a blank reason will do",
        breaks="P4",
        file="workflows_app/operations/texts.py",
        old="if not isinstance(text, str) or not is_visible(text):",
        new="if not isinstance(text, str):",
        tests=("operations/test_base.py::test_a_decision_has_a_reason_and_a_person_of_today",),
    ),
    Fault(
        says="a decision is made without the workflow's lock",
        breaks="P1",
        file=_BASE,
        old="        workflow = lock_workflow(workflow_id)\n",
        new=(
            "        assert lock_workflow\n"
            '        workflow = Workflow.objects.select_related("active_version").get(pk=workflow_id)\n'
        ),
        tests=(_TWO_PEOPLE,),
    ),
    Fault(
        says="a decision is about the run as the person saw it, not as it is",
        breaks="P1",
        file=_BASE,
        old=(
            '    return Run.objects.select_related("handler", "workflow", "mutation",'
            ' "carried_mutation").get(\n        pk=run.pk\n    )'
        ),
        new="    return run",
        tests=(_TWO_PEOPLE,),
    ),
    Fault(
        says="history does not say who decided",
        breaks="P4",
        file=_BASE,
        old="save_with_history(instance, reason=self.reason, actor=self.actor, fields=fields)",
        new="save_with_history(instance, reason=self.reason, fields=fields)",
        tests=("operations/test_base.py::test_a_decision_is_written_down_once_and_wakes_the_host",),
    ),
    Fault(
        says="history does not say why a retry was made",
        breaks="P4",
        file="workflows_app/operations/retry_failed_run.py",
        old="            reason=decision.reason,\n",
        new='            reason="retried",\n',
        tests=("operations/test_base.py::test_a_decision_is_written_down_once_and_wakes_the_host",),
    ),
    Fault(
        says="a decision is not written down",
        breaks="P4",
        file=_BASE,
        old="return OperatorAction.objects.create(",
        new="return OperatorAction(",
        tests=(_RECORD,),
    ),
    Fault(
        says="a decision does not wake the host",
        breaks="P2",
        file=_BASE,
        old="        wake_at(self.workflow.pk, due_at=self.now)\n",
        new="        assert wake_at\n",
        tests=(_RECORD,),
    ),
    Fault(
        says="'It didn't happen' runs prepare anew, under a new key",
        breaks="P1",
        file="workflows_app/operations/it_didnt_happen.py",
        old="        same_prepare_result=True,\n",
        new="",
        tests=(
            "operations/test_it_didnt_happen.py"
            "::test_mutate_is_called_again_with_the_identical_prepare_result_and_prepare_is_not",
        ),
    ),
    Fault(
        says="'It didn't happen' releases the events for a moment",
        breaks="P1",
        file="workflows_app/operations/it_didnt_happen.py",
        old="    make_retry(\n        run,\n",
        new=(
            "    for event in run.reserved_events.all():\n"
            "        event.release()\n"
            "        decision.save(event)\n"
            "        event.reserve(run)\n"
            "        decision.save(event)\n"
            "    make_retry(\n        run,\n"
        ),
        tests=("operations/test_it_didnt_happen.py::test_the_events_are_never_pending_in_between",),
    ),
    Fault(
        says="'It didn't happen' is accepted while the host still asks",
        breaks="P3",
        file=_ASSERTING,
        old="                    operation.require(run)\n",
        new="                    assert operation.require\n",
        tests=("operations/test_not_blocked.py::test_a_run_that_is_not_blocked_is_refused",),
    ),
    Fault(
        says="'It didn't happen' is entered as if the outside system had said so",
        breaks="P4",
        file="workflows_app/operations/it_didnt_happen.py",
        old="by=Mutation.ResolvedBy.OPERATOR.value",
        new="by=Mutation.ResolvedBy.RECONCILE.value",
        tests=(
            "operations/test_it_didnt_happen.py"
            "::test_the_run_ends_and_a_new_one_takes_over_all_it_held",
        ),
    ),
    Fault(
        says="Skip gives the events back to be handled again",
        breaks="P1",
        file="workflows_app/operations/skip_run.py",
        old="            event.skip()\n",
        new="            event.release()\n",
        tests=(
            "operations/test_skip_run.py"
            "::test_mutation_and_events_are_skipped_at_once_and_the_run_is_ready_for_next",
        ),
    ),
    Fault(
        says="Skip leaves the run in the hands of a worker that is gone",
        breaks="P2",
        file=_BASE,
        old="        run.fencing_token = None\n",
        new="",
        tests=(
            "operations/test_skip_run.py"
            "::test_mutation_and_events_are_skipped_at_once_and_the_run_is_ready_for_next",
        ),
    ),
    Fault(
        says="an event is skipped while a run holds it",
        breaks="P1",
        file="workflows_app/operations/skip_event.py",
        old="    SKIP_EVENT.require(event)\n",
        new="    assert SKIP_EVENT.require\n",
        tests=(
            "operations/test_skip_event.py"
            "::test_a_reserved_event_is_refused_with_the_run_that_holds_it",
        ),
    ),
    Fault(
        says="an event is skipped as the person saw it, not as it is",
        breaks="P1",
        file="workflows_app/operations/skip_event.py",
        old="return _skip(found, decision, seen)",
        new="return _skip(event, decision, seen)",
        tests=(
            "concurrency/test_matrix.py::test_the_first_one_wins_and_the_second_one_is_told"
            "[skip-event-then-skip-event]",
        ),
    ),
    Fault(
        says="a person decides on a run though something newer is known",
        breaks="P7",
        file="workflows_app/operations/seen.py",
        old="    if news:\n",
        new="    if news and actor is None:\n",
        tests=("operations/test_seen.py::test_an_answer_that_came_since_refuses_and_is_told",),
    ),
    Fault(
        says="a person is believed although the outside system says the opposite",
        breaks="P7",
        file=_ASSERTING,
        old="    if finding.verdict == says:\n",
        new="    if says:\n",
        tests=(
            "operations/test_asking_first.py"
            "::test_it_happened_says_the_outside_so_nothing_is_sent_again",
        ),
    ),
    Fault(
        says="it is sent again against an answer that it happened, without another word",
        breaks="P1",
        file="workflows_app/operations/it_didnt_happen.py",
        old="    if heard is not None:\n",
        new="    if heard is not None and not run.pk:\n",
        tests=(
            "operations/test_seen.py"
            "::test_it_didnt_happen_needs_more_than_a_word_against_an_answer_that_says_it_did",
        ),
    ),
    Fault(
        says="a failed run is retried twice",
        breaks="P1",
        file="workflows_app/operations/retry_failed_run.py",
        old="    if later is not None:\n",
        new="    if later is not None and later.status in Run.OPEN:\n",
        tests=("operations/test_retry_refused.py::test_a_failed_run_is_retried_once",),
    ),
    Fault(
        says="a retry is made while another run is open",
        breaks="P1",
        file="workflows_app/operations/retry_failed_run.py",
        old="    if open_run is not None:\n",
        new="    if open_run is not None and open_run == run:\n",
        tests=("operations/test_retry_refused.py::test_while_another_run_is_open_it_is_refused",),
    ),
    Fault(
        says="Try again does not count from the start",
        breaks="P3",
        file="workflows_app/models/mutations.py",
        old="        self.reconcile_attempts = 0\n",
        new="",
        tests=(
            "operations/test_try_again.py"
            "::test_the_run_reconciles_from_the_start_and_keeps_its_events",
        ),
    ),
    Fault(
        says="Run now makes producers of a paused workflow due",
        breaks="P4",
        file="workflows_app/operations/run_producers_now.py",
        old="        RUN_PRODUCERS_NOW.require(workflow)\n",
        new="        assert RUN_PRODUCERS_NOW.require\n",
        tests=("operations/test_run_producers_now.py::test_a_paused_workflow_is_refused",),
    ),
]
