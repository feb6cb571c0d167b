"""From `prepare` to the call: what must be durable before it leaves, and what must still be true."""

from tests.mutants.fault import Fault

_CHECKPOINT = "workflows_app/engine/checkpoint.py"
_TURN = "workflows_app/engine/turn.py"
_CONTEXTS = "workflows_app/engine/contexts.py"
_SIGHT = "workflows_app/engine/sight.py"
_PHASES = "workflows_app/engine/phases.py"

SENDING = [
    Fault(
        says="the call is made before it stands in the ledger",
        breaks="P1",
        file=_CHECKPOINT,
        old='    save_with_history(run.mutation, reason="about to be sent")',
        new=(
            "    call.mutator().execute(call.params, idempotency_key=run.idempotency_key)\n"
            '    save_with_history(run.mutation, reason="about to be sent")'
        ),
        tests=(
            "engine/test_run_protocol.py::test_what_is_sent_stands_in_the_ledger_before_it_is_sent",
        ),
    ),
    Fault(
        says="the call leaves before the checkpoint is safe on the disk",
        breaks="P1",
        file=_TURN,
        old="_MUST_LAST = (Prepared, Called, Asked)",
        new="_MUST_LAST = (Called, Asked)",
        tests=(
            "engine/test_commit_cost.py::test_one_waits_before_the_call_leaves_and_one_before_next",
        ),
    ),
    Fault(
        says=(
            "a checkpoint whose COMMIT was not answered is taken for a call that may have been sent"
        ),
        breaks="P3",
        file=_TURN,
        old="if item.is_again and isinstance(what, Prepared) and is_checked(hand, run):",
        new="if what is None and is_checked(hand, run):",
        tests=(
            "away/test_cut_transactions.py::test_an_answer_to_commit_that_is_lost_costs_nothing",
        ),
    ),
    Fault(
        says="what was written before is written again when the answer to COMMIT was lost",
        breaks="P1",
        file="workflows_app/engine/fitting.py",
        old=("return is_ours and run.status == Run.Status.ACTIVE and run.phase == hand.run.phase"),
        new="return is_ours",
        tests=(
            "away/test_cut_transactions.py::test_an_answer_to_commit_that_is_lost_costs_nothing",
        ),
    ),
    Fault(
        says="an event whose payload changed during prepare is reserved as it was",
        breaks="P2",
        file=_CHECKPOINT,
        old="if event is None or event.revision != record.revision:",
        new="if event is None:",
        tests=(
            "engine/test_checkpoint.py"
            "::test_a_payload_published_anew_meanwhile_makes_the_run_start_over",
        ),
    ),
    Fault(
        says="an event that a run of the same turn publishes anew is reserved as it was",
        breaks="P2",
        file=_CHECKPOINT,
        old=(
            "            if record.id in case.changes.republished:\n                return None\n"
        ),
        new="",
        tests=(
            "engine/test_lanes_side_by_side.py"
            "::test_what_one_run_publishes_anew_and_another_reserves_in_one_turn_is_called_as_it_is_now",
        ),
    ),
    Fault(
        says="what was read ahead is the answer to any question",
        breaks="P2",
        file=_CONTEXTS,
        old="if ahead is not None and ahead.peek == peek:",
        new="if ahead is not None:",
        tests=("engine/test_peeking_ahead.py",),
    ),
    Fault(
        says="what was read ahead is the answer to each look of a run",
        breaks="P2",
        file=_CONTEXTS,
        old="ahead, self._ahead = self._ahead, None",
        new="ahead = self._ahead",
        tests=("engine/test_peeking_ahead.py",),
    ),
    Fault(
        says="an event that was skipped is reserved",
        breaks="P2",
        file=_CHECKPOINT,
        old="if event.status != Event.Status.PENDING or event.lane != case.run.lane:",
        new="if event.lane != case.run.lane:",
        tests=(
            "engine/test_checkpoint.py::test_an_event_skipped_meanwhile_makes_the_run_start_over",
        ),
    ),
    Fault(
        says="an event that has gone to another lane is reserved in the old one",
        breaks="P2",
        file=_CHECKPOINT,
        old="if event.status != Event.Status.PENDING or event.lane != case.run.lane:",
        new="if event.status != Event.Status.PENDING:",
        tests=(
            "engine/test_lanes_side_by_side.py"
            "::test_an_event_that_goes_to_another_lane_meanwhile_is_not_reserved_in_the_old_one",
        ),
    ),
    Fault(
        says="only those events are reserved that are still pending",
        breaks="P2",
        file=_CHECKPOINT,
        old=(
            "            if event.status != Event.Status.PENDING or event.lane != case.run.lane:\n"
            "                return None\n"
            "        _reserve(case, what, [locked[record.id] for record in what.result.reservations])\n"
        ),
        new=(
            "        held = [locked[record.id] for record in what.result.reservations]\n"
            "        _reserve(case, what, [event for event in held if event.status == Event.Status.PENDING])\n"
        ),
        tests=(
            "engine/test_checkpoint.py::test_an_event_skipped_meanwhile_makes_the_run_start_over",
        ),
    ),
    Fault(
        says="the checkpoint waits for a publisher while it holds the workflow",
        breaks="P2",
        file=_SIGHT,
        old="ORDER BY event.id FOR NO KEY UPDATE SKIP LOCKED",
        new="ORDER BY event.id FOR NO KEY UPDATE",
        tests=(
            "concurrency/test_publishers.py"
            "::test_a_publisher_and_a_checkpoint_that_want_the_same_events_never_deadlock",
        ),
    ),
    Fault(
        says="events are reserved without a lock on them",
        breaks="P2",
        file=_SIGHT,
        old="ORDER BY event.id FOR NO KEY UPDATE SKIP LOCKED",
        new="ORDER BY event.id",
        tests=(
            "concurrency/test_publishers.py"
            "::test_an_event_that_is_being_changed_is_not_reserved_as_it_was",
        ),
    ),
    Fault(
        says="what a run reserves is not written down",
        breaks="P5",
        file=_CHECKPOINT,
        old="insert_all([new(Reservation, run_id=run.pk, event_id=event.pk) for event in events])",
        new="insert_all([])",
        tests=("engine/test_recovery.py::test_after_it_was_applied_only_next_runs_again",),
    ),
    Fault(
        says="a fresh prepare is sent under the key of the one before",
        breaks="P1",
        file=_CHECKPOINT,
        old="run.idempotency_key = uuid.uuid4().hex",
        new=(
            "run.idempotency_key = (run.retry_of and run.retry_of.idempotency_key) or "
            "uuid.uuid4().hex"
        ),
        tests=("engine/test_idempotency_keys.py::test_a_fresh_prepare_has_a_new_key",),
    ),
    Fault(
        says="each call has a new key, though a person said to send the same one again",
        breaks="P1",
        file=_CHECKPOINT,
        old="        idempotency_key=run.idempotency_key,\n",
        new="        idempotency_key=uuid.uuid4().hex,\n",
        tests=(
            "engine/test_idempotency_keys.py::test_it_didnt_happen_keeps_the_key_along_the_chain",
        ),
    ),
    Fault(
        says="a call to a mutator that is not declared is made",
        breaks="P1",
        file=_PHASES,
        old=("    mutator = code.mutator_named(name)\n    if mutator is None:\n"),
        new=("    mutator = code.mutator_named(name) or call.mutator\n    if mutator is None:\n"),
        tests=(
            "engine/test_violations_before_the_call.py"
            "::test_mutate_fails_the_run_and_nothing_is_sent",
        ),
    ),
    Fault(
        says="a worker that was held up makes its call however late",
        breaks="P1",
        file=_PHASES,
        old="if machine_seconds() > send_by:",
        new="if send_by < 0:",
        tests=("engine/test_held_up.py::test_a_call_that_cannot_begin_in_time_is_not_made",),
    ),
    Fault(
        says="the time in which a call must begin is not counted from its checkpoint",
        breaks="P1",
        file="workflows_app/engine/under_way.py",
        old="hand.send_by = began + hand.holding",
        new="hand.send_by = began + 60 + hand.holding",
        tests=("engine/test_held_up.py::test_a_call_that_cannot_begin_in_time_is_not_made",),
    ),
]
