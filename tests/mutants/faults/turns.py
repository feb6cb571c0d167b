"""Turns: many runs in one transaction, and a host that waits for nobody."""

from tests.mutants.fault import Fault

_RESTING = "workflows_app/engine/resting.py"
_HOSTING = "workflows_app/engine/hosting.py"
_HOST = "workflows_app/engine/host.py"

_STANDING = "workflows_app/engine/standing.py"

TURNS = [
    Fault(
        says="a run that somebody has changed meanwhile is taken for what it was",
        breaks="P3",
        file=_STANDING,
        old="for (pk,) in self.compared.rows():",
        new="for pk in self._hands:",
        tests=(
            "concurrency/test_person_against_worker.py"
            "::test_an_answer_that_comes_after_a_person_stopped_the_asking_is_kept_and_changes_nothing",
        ),
    ),
    Fault(
        says="a turn waits for a workflow that somebody else has locked",
        breaks="P8",
        file="workflows_app/engine/sight.py",
        old='wait = "" if request.waits else "SKIP LOCKED"',
        new='wait = ""',
        tests=(
            "engine/test_hosting.py::test_a_workflow_that_somebody_has_locked_holds_up_no_other",
        ),
    ),
    Fault(
        says="one row that the database refuses ends all runs of its turn",
        breaks="P8",
        file="workflows_app/engine/turning.py",
        old="            yield from self._one_by_one(holdings, items, limits)\n",
        new="            raise\n",
        tests=(
            "engine/test_refused_turns.py"
            "::test_a_checkpoint_that_the_database_refuses_fails_its_run_and_sends_nothing",
        ),
    ),
    Fault(
        says="a workflow rests though its last turn has left work to others",
        breaks="P2",
        file=_RESTING,
        old="has_more = holding.id in busy | named | unseen | taken.has_more",
        new="has_more = holding.id in busy | named | taken.has_more",
        tests=(
            "engine/test_hosting.py"
            "::test_what_one_consumer_publishes_for_another_one_that_waits_is_handled_at_once",
        ),
    ),
    Fault(
        says="a workflow is given back while a run of it is in hand",
        breaks="P1",
        file=_RESTING,
        old="if can_rest and not in_hand and not has_more:",
        new="if can_rest and not has_more:",
        tests=("engine/test_hosting.py::test_calls_of_different_lanes_are_under_way_side_by_side",),
    ),
    Fault(
        says="a worker that is told to stop begins more",
        breaks="P2",
        file=_HOSTING,
        old=(
            "                for holding in self.holdings.values():\n"
            "                    holding.is_closing = True\n"
        ),
        new="",
        tests=(
            "engine/test_hosting.py"
            "::test_told_to_stop_it_waits_for_what_is_under_way_and_begins_nothing",
        ),
    ),
    Fault(
        says="a workflow keeps its place however many wait for it",
        breaks="P8",
        file=_HOSTING,
        old=(
            "        if now - self._held_since[pk] >= seconds:\n"
            "            self.holdings[pk].is_closing = True\n"
        ),
        new="",
        tests=(
            "engine/test_hosting.py::test_a_workflow_gives_its_place_to_another_one_that_waits",
        ),
    ),
    Fault(
        says="a call without an answer is waited for without end",
        breaks="P3",
        file="workflows_app/engine/under_way.py",
        old="        for hand, (todo, job) in list(self._jobs.items()):\n            if job.ends_at <= now:\n",
        new="        for hand, (todo, job) in list(self._jobs.items()):\n            if job.ends_at < 0:\n",
        tests=("engine/test_policies.py::test_the_time_limit_of_a_call_is_the_mutators",),
    ),
    Fault(
        says="an event that arrives while calls are under way waits for one of them",
        breaks="P8",
        file="workflows_app/engine/moments.py",
        old="at = holding.looked_at + LOOK_SECONDS if looks_often else math.inf",
        new="at = math.inf",
        tests=(
            "engine/test_hosting.py"
            "::test_an_event_that_arrives_while_calls_are_under_way_waits_for_none_of_them",
        ),
    ),
    Fault(
        says="a worker that does not keep up keeps all workflows, whoever else is idle",
        breaks="P8",
        file="workflows_app/engine/sharing.py",
        old="surplus = max(0, held - crowd.share)",
        new="surplus = 0 * held",
        tests=(
            "engine/test_sharing.py",
            "engine/test_hosting.py::test_a_full_worker_gives_those_who_have_less_their_share",
        ),
    ),
    Fault(
        says="each thread that reads for a handler keeps a connection",
        breaks="P8",
        file="workflows_app/engine/pending.py",
        old="            connection.close()\n",
        new="            pass\n",
        tests=(
            "engine/test_hosting.py::test_handlers_that_look_for_themselves_share_few_connections",
        ),
    ),
]
