"""Lanes and breakers: what one run holds up, and what it must not."""

from tests.mutants.fault import Fault

_WORK = "workflows_app/engine/work.py"
_LANES = "workflows_app/engine/lanes.py"
_TURN = "workflows_app/engine/turn.py"
_BEGINNING = "workflows_app/engine/beginning.py"
_SLOTS = "workflows_app/engine/slots.py"
_BREAKERS = "workflows_app/engine/breakers.py"
_OUTCOMES = "workflows_app/engine/outcomes.py"
_PLANNER = "workflows_app/engine/planner.py"
_TABLE = "unit/test_planner.py::test_what_is_next_in_each_situation"

LANES = [
    Fault(
        says="a lane whose run has failed and is to be retried goes on",
        breaks="P2",
        file=_WORK,
        old=("AND NOT state.is_held\n               AND state.oldest_pending IS NOT NULL"),
        new="AND state.oldest_pending IS NOT NULL",
        tests=("engine/test_lanes.py::test_a_retry_that_is_owed_holds_its_lane_only",),
    ),
    Fault(
        says="a lane that waits for a person or new code is not held",
        breaks="P3",
        file=_LANES,
        old="AND run.lane = {lane} AND run.owes_retry LIMIT 1), false)",
        new="AND run.lane = {lane} AND run.retry_due_at IS NOT NULL LIMIT 1), false)",
        tests=("engine/test_failures.py::test_a_fault_of_the_code_waits_for_other_code",),
    ),
    Fault(
        says="the lane of an unknown outcome is not held",
        breaks="P3",
        file=_LANES,
        old="run.status IN ('active', 'reconciling', 'blocked') LIMIT 1)",
        new="run.status = 'active' LIMIT 1)",
        tests=("engine/test_lanes.py::test_an_unknown_outcome_holds_its_lane_and_nothing_else",),
    ),
    Fault(
        says="an unknown outcome holds every lane of its workflow",
        breaks="P8",
        file=_LANES,
        old="AND run.lane = {lane} AND run.status IN",
        new="AND {lane} IS NOT NULL AND run.status IN",
        tests=("engine/test_lanes.py::test_an_unknown_outcome_holds_its_lane_and_nothing_else",),
    ),
    Fault(
        says="what a turn changes in lanes is not noted",
        breaks="P2",
        file=_TURN,
        old="for statement in lane_states.refresh(changes.touched):",
        new="for statement in lane_states.refresh(()):",
        tests=("engine/test_lanes.py::test_a_retry_that_is_owed_holds_its_lane_only",),
    ),
    Fault(
        says="a run that begins does not hold its lane",
        breaks="P2",
        file=_BEGINNING,
        old="        self._changes.touched.add((run.workflow_id, run.lane))\n",
        new="        assert run.lane is not None\n",
        tests=(
            "engine/test_lanes.py::test_a_question_that_is_asked_again_later_holds_its_lane_only",
            "engine/test_lanes.py::test_an_unknown_outcome_holds_its_lane_and_nothing_else",
        ),
    ),
    Fault(
        says="a run that commits leaves its lane held",
        breaks="P2",
        file="workflows_app/engine/commit.py",
        old="    case.touch()\n",
        new="",
        tests=(
            "engine/test_lane_names.py::test_what_another_version_names_goes_on_in_its_new_lane",
            "engine/test_run_protocol.py::test_events_are_handled_in_the_order_of_their_arrival",
        ),
    ),
    Fault(
        says="a decision of a person leaves what is known of its lane as it was",
        breaks="P2",
        file="workflows_app/operations/base.py",
        old="            refresh_now((self.workflow.pk, lane))\n",
        new="            assert refresh_now\n",
        tests=("operations/test_skip_event.py",),
    ),
    Fault(
        says="what a skipped event leaves to no run holds its lane for good",
        breaks="P2",
        file="workflows_app/operations/skip_event.py",
        old="        refresh_now((run.workflow_id, run.lane))\n",
        new="        assert refresh_now\n",
        tests=(
            "operations/test_skip_event.py"
            "::test_a_failed_run_whose_events_are_all_skipped_holds_its_lane_no_longer",
        ),
    ),
    Fault(
        says="more runs are begun than the workflow allows at once",
        breaks="P8",
        file=_BEGINNING,
        old="left = min(room + self._freed - self._begun, lanes_left)",
        new="left = max(room + self._freed - self._begun, lanes_left)",
        tests=(
            "engine/test_lanes_side_by_side.py::test_no_more_calls_are_under_way_than_the_policy_says",
        ),
    ),
    Fault(
        says="more calls of a mutator are under way than it allows",
        breaks="P8",
        file=_SLOTS,
        old="return not limit or self._taken[call.mutator.name] < limit",
        new="return not limit or self._taken[call.mutator.name] <= limit",
        tests=(
            "engine/test_hosting.py::test_no_more_calls_of_a_mutator_are_under_way_than_it_allows",
        ),
    ),
    Fault(
        says="the place of a call that has ended stays taken",
        breaks="P2",
        file=_SLOTS,
        old="        self._taken[name] -= 1\n",
        new="",
        tests=(
            "engine/test_hosting.py::test_no_more_calls_of_a_mutator_are_under_way_than_it_allows",
        ),
    ),
    Fault(
        says="of many lanes those with the newest events come first",
        breaks="P2",
        file=_WORK,
        old="ORDER BY state.oldest_pending LIMIT",
        new="ORDER BY state.oldest_pending DESC LIMIT",
        tests=("engine/test_lanes.py::test_the_free_lane_with_the_oldest_event_goes_first",),
    ),
    Fault(
        says="events without a lane wait for good",
        breaks="P2",
        file=_BEGINNING,
        old="if unnamed and begins:",
        new="if unnamed and not begins:",
        tests=(
            "engine/test_lane_names.py::test_events_without_a_lane_are_named_before_they_are_offered",
        ),
    ),
    Fault(
        says="the code is asked again and again for a lane that it can't name",
        breaks="P8",
        file="workflows_app/engine/work.py",
        old="WHERE refusal.event_id = event.id AND refusal.revision = event.revision",
        new="WHERE refusal.event_id = event.id AND refusal.revision <> event.revision",
        tests=(
            "engine/test_lane_names.py"
            "::test_an_event_whose_lane_cannot_be_named_stays_pending_and_holds_nothing_up",
        ),
    ),
    Fault(
        says="an event whose lane was named wakes nobody",
        breaks="P2",
        file="workflows_app/engine/naming.py",
        old="            changes.news.add((topic.consumer_id, lane))\n",
        new="            assert lane is not None\n",
        tests=(
            "engine/test_lane_names.py::test_events_without_a_lane_are_named_before_they_are_offered",
        ),
    ),
    Fault(
        says="another version leaves pending events in the lanes of the old one",
        breaks="P6",
        file="workflows_app/engine/versions.py",
        old="        name_lanes_anew(code, workflow, reason=reason, actor=actor)\n",
        new="        assert name_lanes_anew\n",
        tests=(
            "engine/test_lane_names.py::test_another_version_names_the_lanes_of_pending_events_anew",
        ),
    ),
    Fault(
        says="an outage makes one unknown outcome after the other",
        breaks="P8",
        file=_BREAKERS,
        old="(breaker.lets_calls_out and breaker.unknowns >= limit)",
        new="(breaker.lets_calls_out and breaker.unknowns < 0)",
        tests=(
            "operations/test_close_breaker.py"
            "::test_five_unknowns_in_a_row_over_all_lanes_open_it_and_no_new_call_goes_out",
        ),
    ),
    Fault(
        says="unknown outcomes count though an answer came in between",
        breaks="P8",
        file=_OUTCOMES,
        old=(
            "    breakers.count_definite(case)\n"
            "    if finding.verdict == Verdict.APPLIED:\n"
            "        return"
        ),
        new=("    if finding.verdict == Verdict.APPLIED:\n        return"),
        tests=(
            "operations/test_close_breaker.py"
            "::test_a_definite_answer_in_between_counts_from_the_start",
        ),
    ),
    Fault(
        says="what the host finds out by asking does not close the breaker",
        breaks="P8",
        file=_OUTCOMES,
        old=("    if finding.verdict != Verdict.UNKNOWN:\n        breakers.count_definite(case)\n"),
        new="",
        tests=(
            "operations/test_close_breaker.py"
            "::test_a_reconcile_with_an_answer_closes_it_and_all_go_on",
        ),
    ),
    Fault(
        says="nobody looks again when the time of an open breaker is over",
        breaks="P8",
        file=_PLANNER,
        old=(
            "        if breaker is not None and breaker.trial_at > now:\n"
            "            later.append(breaker.trial_at)\n"
            "            continue\n"
        ),
        new="",
        tests=(_TABLE,),
    ),
    Fault(
        says="while a trial is under way more calls go out",
        breaks="P8",
        file=_PLANNER,
        old="return self.trial_at <= now and not self.is_being_tried",
        new="return self.trial_at <= now",
        tests=(_TABLE,),
    ),
    Fault(
        says="a retry that waits for the breaker is forgotten",
        breaks="P8",
        file=_PLANNER,
        old=("due_at = owed.due_at if breaker is None else max(owed.due_at, breaker.trial_at)"),
        new="due_at = owed.due_at",
        tests=(_TABLE,),
    ),
    Fault(
        says="while a trial is under way a retry goes out",
        breaks="P8",
        file=_PLANNER,
        old="        elif breaker.lets_one_through(now):\n            decisions.append(Retry(",
        new="        elif breaker is not None:\n            decisions.append(Retry(",
        tests=(_TABLE,),
    ),
    Fault(
        says="a trial is not known as one",
        breaks="P8",
        file=_BEGINNING,
        old="if breaker is not None and breaker.status == Breaker.Status.OPEN:",
        new="if breaker is not None and breaker.status == Breaker.Status.HALF_OPEN:",
        tests=(
            "operations/test_close_breaker.py"
            "::test_after_a_pause_one_run_is_a_trial_and_an_unknown_one_makes_the_pause_longer",
        ),
    ),
    Fault(
        says="the breaker stays open for no longer after each trial",
        breaks="P8",
        file=_BREAKERS,
        old="case.policy.backoff(breaker.openings + 1)",
        new="case.policy.backoff(1)",
        tests=(
            "operations/test_close_breaker.py"
            "::test_after_a_pause_one_run_is_a_trial_and_an_unknown_one_makes_the_pause_longer",
        ),
    ),
]
