"""Versions: a repair or a re-plan loses nothing and revives nothing."""

from tests.mutants.fault import Fault

_FILE = "workflows_app/engine/versions.py"
_MAKE_DUE = "            make_owed_retries_due(workflow, reason=reason, actor=actor, now=now)\n"

DEPLOYS = [
    Fault(
        says="new code retries an unknown outcome",
        breaks="P1",
        file=_FILE,
        old=_MAKE_DUE,
        new=(
            "            from workflows_app.models import Run\n"
            "            for run in workflow.runs.filter(status=Run.Status.BLOCKED):\n"
            '                run.mutation.set_failed(by="reconcile", now=now)\n'
            "                save_with_history(run.mutation, reason=reason)\n"
            '                run.fail("transient")\n'
            "                run.ended_at, run.owes_retry = now, True\n"
            "                save_with_history(run, reason=reason)\n" + _MAKE_DUE
        ),
        tests=(
            "engine/test_deploys.py::test_what_is_blocked_stays_blocked_until_a_person_settles_it",
        ),
    ),
    Fault(
        says="what failed for good is not tried with the new code",
        breaks="P6",
        file=_FILE,
        old=_MAKE_DUE,
        new="            assert make_owed_retries_due\n",
        tests=(
            "engine/test_deploys.py::test_what_failed_for_good_is_tried_again_with_the_new_code",
        ),
    ),
    Fault(
        says="a re-plan makes consumed events pending again",
        breaks="P6",
        file=_FILE,
        old=_MAKE_DUE,
        new=(
            "        from workflows_app.models import Event\n"
            '        handled = Event.objects.filter(topic__workflow=workflow, status="consumed")\n'
            '        if outcome == "replanned":\n'
            '            handled.update(status="pending")\n' + _MAKE_DUE
        ),
        tests=("engine/test_deploys.py::test_pending_goes_on_consumed_and_skipped_stay",),
    ),
    Fault(
        says="a version may leave pending events without a consumer",
        breaks="P2",
        file=_FILE,
        old="            refuse_orphans(code, workflow)\n",
        new="            assert refuse_orphans\n",
        tests=("engine/test_orphans.py::test_a_topic_with_pending_events_keeps_its_consumer",),
    ),
    Fault(
        says="a lower version becomes active without being asked for",
        breaks="P6",
        file=_FILE,
        old="    if not rollback:\n",
        new="    if rollback and not note:\n",
        tests=(
            "engine/test_versions.py"
            "::test_a_lower_version_is_refused_without_rollback_and_a_reason",
        ),
    ),
    Fault(
        says="other code goes by a version that is known",
        breaks="P6",
        file=_FILE,
        old="if active.source_digest == registry.source_digest(code):",
        new="if active.source_digest:",
        tests=("engine/test_versions.py::test_the_same_version_with_other_code_is_refused",),
    ),
    Fault(
        says="new code does not look at what the old code left",
        breaks="P6",
        file=_FILE,
        old="        let_all_look(workflow)\n",
        new="        assert let_all_look\n",
        tests=("engine/test_deploys.py::test_new_code_looks_once_at_what_the_old_code_left",),
    ),
    Fault(
        says="a retry that only misses its next is dropped with its handler",
        breaks="P2",
        file="workflows_app/engine/adopting.py",
        old=("if code.handler_named(run.handler.name) is None and not only_next_is_missing(run):"),
        new="if code.handler_named(run.handler.name) is None or only_next_is_missing(run):",
        tests=("engine/test_orphans.py::test_what_is_found_to_have_happened_waits_for_its_next",),
    ),
]
