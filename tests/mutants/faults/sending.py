"""From `prepare` to the call: what must be durable before it leaves, and what must still be true."""

from tests.mutants.fault import Fault

_PREPARE = "workflows_app/engine/prepare.py"
_MUTATE = "workflows_app/engine/mutate.py"

SENDING = [
    Fault(
        says="the call is made before it stands in the ledger",
        breaks="P1",
        file=_PREPARE,
        old="    return Call(mutator, params, clean[:TARGET_LENGTH])",
        new=(
            "    mutator().execute(copied(params), idempotency_key=work.run.idempotency_key)\n"
            "    return Call(mutator, params, clean[:TARGET_LENGTH])"
        ),
        tests=(
            "engine/test_run_protocol.py::test_what_is_sent_stands_in_the_ledger_before_it_is_sent",
        ),
    ),
    Fault(
        says="the call leaves before the checkpoint is safe on the disk",
        breaks="P1",
        file="workflows_app/engine/claims.py",
        old='_STILL_PREPARING = """\n    SELECT',
        new="_STILL_PREPARING = \"\"\"\n    SELECT set_config('synchronous_commit', 'off', true),",
        tests=(
            "engine/test_commit_cost.py::test_one_waits_before_the_call_leaves_and_one_before_next",
        ),
    ),
    Fault(
        says="a checkpoint is made twice when the answer to its commit was lost",
        breaks="P1",
        file=_PREPARE,
        old="if work.reread().phase != Run.Phase.PREPARING:",
        new="if not work.reread():",
        tests=(
            "away/test_cut_transactions.py::test_an_answer_to_commit_that_is_lost_costs_nothing",
        ),
    ),
    Fault(
        says="an event whose payload changed during prepare is reserved as it was",
        breaks="P2",
        file=_PREPARE,
        old="(id, revision) IN ({})",
        new="(id, revision - revision) IN (SELECT id, 0 FROM (VALUES {}) AS v (id, revision))",
        tests=(
            "engine/test_checkpoint.py"
            "::test_a_payload_published_anew_meanwhile_makes_the_run_start_over",
        ),
    ),
    Fault(
        says="what was read ahead is the answer to any question",
        breaks="P2",
        file="workflows_app/engine/contexts.py",
        old="if ahead is not None and (ahead.topic, ahead.limit) == (topic, limit):",
        new="if ahead is not None:",
        tests=("engine/test_peeking_ahead.py",),
    ),
    Fault(
        says="what was read ahead is the answer to each look of a run",
        breaks="P2",
        file="workflows_app/engine/contexts.py",
        old="ahead, self._ahead = self._ahead, None",
        new="ahead = self._ahead",
        tests=("engine/test_peeking_ahead.py",),
    ),
    Fault(
        says="an event that was skipped is reserved after it was refused",
        breaks="P2",
        file=_PREPARE,
        old="if event.status != Event.Status.PENDING or not is_same:",
        new="if not is_same:",
        tests=(
            "engine/test_checkpoint.py::test_an_event_skipped_meanwhile_makes_the_run_start_over",
        ),
    ),
    Fault(
        says="an event whose payload changed is reserved after it was refused",
        breaks="P2",
        file=_PREPARE,
        old="is_same = event.revision == seen[event.pk].revision",
        new="is_same = True",
        tests=(
            "engine/test_checkpoint.py"
            "::test_a_payload_published_anew_meanwhile_makes_the_run_start_over",
        ),
    ),
    Fault(
        says="only those events are reserved that are still pending",
        breaks="P2",
        file=_PREPARE,
        old="                return _Checkpoint.CHANGED\n",
        new="                wanted = tuple(pk for pk in wanted if pk != event.pk)\n",
        tests=(
            "engine/test_checkpoint.py::test_an_event_skipped_meanwhile_makes_the_run_start_over",
        ),
    ),
    Fault(
        says="the checkpoint waits for a publisher while it holds the workflow",
        breaks="P2",
        file=_PREPARE,
        old="select_for_update(no_key=True, skip_locked=True)",
        new="select_for_update(no_key=True)",
        tests=(
            "concurrency/test_publishers.py"
            "::test_a_publisher_and_a_checkpoint_that_want_the_same_events_never_deadlock",
        ),
    ),
    Fault(
        says="the checkpoint waits for a publisher, though it only wants to know",
        breaks="P2",
        file=_PREPARE,
        old="FOR NO KEY UPDATE SKIP LOCKED",
        new="FOR NO KEY UPDATE",
        tests=(
            "concurrency/test_publishers.py"
            "::test_a_publisher_and_a_checkpoint_that_want_the_same_events_never_deadlock",
        ),
    ),
    Fault(
        says="events are reserved unseen without a lock on them",
        breaks="P2",
        file=_PREPARE,
        old="\n           FOR NO KEY UPDATE SKIP LOCKED",
        new="",
        tests=(
            "concurrency/test_publishers.py"
            "::test_an_event_that_is_being_changed_is_not_reserved_as_it_was",
        ),
    ),
    Fault(
        says="events are reserved without a lock on them",
        breaks="P2",
        file=_PREPARE,
        old="Event.objects.select_for_update(no_key=True, skip_locked=True)\n",
        new="Event.objects.all()\n",
        tests=(
            "concurrency/test_publishers.py"
            "::test_an_event_that_is_being_changed_is_not_reserved_as_it_was",
        ),
    ),
    Fault(
        says="what a run reserves is not written down",
        breaks="P5",
        file=_PREPARE,
        old="insert_all([Reservation(run=run, event_id=event.pk) for event in events])",
        new="insert_all([])",
        tests=("engine/test_recovery.py::test_after_it_was_applied_only_next_runs_again",),
    ),
    Fault(
        says="a fresh prepare is sent under the key of the one before",
        breaks="P1",
        file=_PREPARE,
        old="run.idempotency_key = uuid.uuid4().hex",
        new=(
            "run.idempotency_key = run.retry_of.idempotency_key if run.retry_of else uuid.uuid4().hex"
        ),
        tests=("engine/test_idempotency_keys.py::test_a_fresh_prepare_has_a_new_key",),
    ),
    Fault(
        says="each call has a new key, though a person said to send the same one again",
        breaks="P1",
        file=_PREPARE,
        old="        idempotency_key=run.idempotency_key,\n",
        new="        idempotency_key=uuid.uuid4().hex,\n",
        tests=(
            "engine/test_idempotency_keys.py::test_it_didnt_happen_keeps_the_key_along_the_chain",
        ),
    ),
    Fault(
        says="a call to a mutator that is not declared is made",
        breaks="P1",
        file=_PREPARE,
        old="mutator = work.code.mutator_named(name)\n",
        new="mutator = work.code.mutator_named(name) or call.mutator\n",
        tests=(
            "engine/test_violations_before_the_call.py"
            "::test_mutate_fails_the_run_and_nothing_is_sent",
        ),
    ),
    Fault(
        says="the claim may end while the call is under way",
        breaks="P1",
        file=_PREPARE,
        old="return limit.call_timeout_seconds + limit.lease_seconds",
        new="return 0.0",
        tests=("engine/test_fencing.py::test_the_claim_outlasts_a_call_under_way",),
    ),
    Fault(
        says="a worker that was held up makes its call however late",
        breaks="P1",
        file=_MUTATE,
        old="if machine_seconds() > send_by:",
        new="if False:",
        tests=("engine/test_held_up.py::test_a_call_that_cannot_begin_in_time_is_not_made",),
    ),
    Fault(
        says="the checkpoint does not say by when the call must begin",
        breaks="P1",
        file=_PREPARE,
        old="    work.send_by = machine_seconds() + ",
        new="    machine_seconds() + ",
        tests=("engine/test_held_up.py::test_a_call_that_cannot_begin_in_time_is_not_made",),
    ),
]
