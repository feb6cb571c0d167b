"""Jobs, the sweep, and what is due though no job says so."""

from tests.mutants.fault import Fault

_FILE = "workflows_app/dispatch.py"
_DUE = "engine/test_dispatch.py::test_a_workflow_is_due_when_something_is_owed_to_it"

WAKING = [
    Fault(
        says="the sweep does not find claims that have expired",
        breaks="P2",
        file=_FILE,
        old="ExpressionWrapper(expired | due,",
        new="ExpressionWrapper(due,",
        tests=(_DUE,),
    ),
    Fault(
        says="the sweep does not find what is due",
        breaks="P2",
        file=_FILE,
        old="ExpressionWrapper(expired | due,",
        new="ExpressionWrapper(expired,",
        tests=(_DUE,),
    ),
    Fault(
        says="the sweep does not find arrivals that nobody has looked at",
        breaks="P2",
        file=_FILE,
        old='return waiting | set(arrived.values_list("workflow_id", flat=True))',
        new="return waiting",
        tests=(_DUE,),
    ),
    Fault(
        says="the sweep does not find claims of processes that are gone",
        breaks="P2",
        file=_FILE,
        old="if now_due or claims.is_gone(holder)}",
        new="if now_due and claims}",
        tests=(_DUE,),
    ),
    Fault(
        says="a workflow that is given back with work left is forgotten",
        breaks="P2",
        file=_FILE,
        old="        if done.has_more:\n            await sync_to_async(defer_advance)(workflow_id)\n",
        new="        assert done\n",
        tests=(
            "engine/test_dispatch.py::test_the_task_defers_what_the_host_gives_back_unfinished",
        ),
    ),
    Fault(
        says="the job of a dead worker holds back its workflow for good",
        breaks="P2",
        file=_FILE,
        old="            await _clear_stalled_jobs()\n",
        new="",
        tests=(
            "engine/test_sweeping.py"
            "::test_the_sweep_clears_the_job_of_a_worker_without_a_heartbeat_and_wakes_the_workflow",
        ),
    ),
    Fault(
        says="the sessions of workers are ended though they work",
        breaks="P2",
        file=_FILE,
        old=' AND state_change < now() - make_interval(secs => %s)"',
        new=' AND %s > 0"',
        tests=(
            "concurrency/test_suspended_sessions.py"
            "::test_only_idle_transactions_of_workers_are_ended",
        ),
    ),
    Fault(
        says="the host is woken before the transaction commits",
        breaks="P2",
        file="workflows_app/waking.py",
        old="    transaction.on_commit(deferral, robust=True)",
        new="    deferral()",
        tests=(
            "engine/test_waking.py::test_publishing_puts_one_job_into_the_queue_after_the_commit",
        ),
    ),
    Fault(
        says="a workflow is due for nobody once its job is lost",
        breaks="P2",
        file="workflows_app/waking.py",
        old="    Lease.objects.filter(pk=workflow_id).update(next_due_at=due_at)\n",
        new="",
        tests=(
            "engine/test_waking.py::test_waking_at_an_instant_is_durable_even_if_the_job_is_lost",
        ),
    ),
    Fault(
        says="a worker with the old code goes on after a deploy",
        breaks="P6",
        file="workflows_app/engine/beginning.py",
        old="begins = holding.is_current and not holding.is_closing",
        new="begins = not holding.is_closing",
        tests=(
            "engine/test_deploys_under_way.py"
            "::test_a_deploy_in_the_middle_of_a_run_lets_it_end_and_stops_there",
        ),
    ),
]
