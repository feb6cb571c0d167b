"""History, the database's own guards, the doctor, and pages that must only show."""

from tests.mutants.fault import Fault

_SAVING = "workflows_app/models/saving.py"
_COLLECTING = "workflows_app/models/collecting.py"
_STATEMENTS = "workflows_app/models/statements.py"

RECORDS = [
    Fault(
        says="history is skipped",
        breaks="P4",
        file=_STATEMENTS,
        old='of_history = of_keys = "written"',
        new='of_history, of_keys = "written WHERE false", "written"',
        tests=(
            "models/test_saving.py::test_an_update_leaves_the_history_row_that_a_plain_save_leaves",
        ),
    ),
    Fault(
        says="what a new row needs out of the way is changed after it comes",
        breaks="P2",
        file=_COLLECTING,
        old="key=lambda writes: _place(writes[0].shape))",
        new="key=lambda writes: -_place(writes[0].shape))",
        tests=(
            "models/test_collecting.py"
            "::test_what_a_new_row_needs_out_of_the_way_is_changed_before_it_comes",
            "models/test_collecting.py"
            "::test_what_has_to_end_may_end_after_what_takes_its_place_was_asked_for",
        ),
    ),
    Fault(
        says="two changes of one row go into one statement, and one of them is lost",
        breaks="P4",
        file=_COLLECTING,
        old="            if row in self._rows:\n                return False\n",
        new="",
        tests=("models/test_collecting.py::test_a_row_that_changes_twice_has_both_in_its_history",),
    ),
    Fault(
        says="new rows are given each other's keys",
        breaks="P5",
        file=_STATEMENTS,
        old="ORDER BY given.ordinality)",
        new="ORDER BY given.ordinality DESC)",
        tests=(
            "models/test_sets.py::test_new_rows_keep_their_keys_or_are_given_one_each_in_order",
        ),
    ),
    Fault(
        says="a row that is no longer as it was is changed all the same",
        breaks="P2",
        file=_STATEMENTS,
        old="IS NOT DISTINCT FROM given.{_quoted(_WAS + name)}",
        new="IS NOT DISTINCT FROM stored.{_quoted(name)}",
        tests=(
            "models/test_sets.py::test_an_update_is_made_only_of_rows_that_are_as_they_were",
            "models/test_sets.py::test_the_old_value_may_be_one_that_changes",
        ),
    ),
    Fault(
        says="a row that is gone counts as written",
        breaks="P2",
        file=_STATEMENTS,
        old="workflows_app_all_of({keys}, $2::integer)",
        new="workflows_app_all_of({keys}, coalesce(cardinality({keys}), 0 * $2::integer))",
        tests=(
            "models/test_collecting.py::test_one_row_of_several_that_is_gone_fails_all",
            "models/test_collecting.py"
            "::test_a_row_that_is_gone_fails_all_also_when_the_end_goes_along",
        ),
    ),
    Fault(
        says="a block that fails commits what it has written",
        breaks="P2",
        file=_COLLECTING,
        old=(
            "        yield changes\n"
            "        changes.finish(commit=commit)\n"
            "    finally:\n"
            "        _current.reset(token)"
        ),
        new=(
            "        yield changes\n"
            "    finally:\n"
            "        changes.finish(commit=commit)\n"
            "        _current.reset(token)"
        ),
        tests=(
            "models/test_collecting.py::test_a_block_that_fails_before_its_end_commits_nothing",
        ),
    ),
    Fault(
        says="history blames the person of a web request for what the host does",
        breaks="P4",
        file=_SAVING,
        old="    if by_request:\n",
        new="    if actor is None:\n",
        tests=(
            "models/test_history.py"
            "::test_in_a_web_request_the_person_is_the_one_who_asks_only_if_so_said",
        ),
    ),
    Fault(
        says="a consumed event can be reserved again",
        breaks="P6",
        file="workflows_app/models/events.py",
        old="@transition(status, source=Status.PENDING.value, target=Status.RESERVED.value)",
        new='@transition(status, source="*", target=Status.RESERVED.value)',
        tests=("models/test_transitions.py",),
    ),
    Fault(
        says="the database allows a second open run beside a blocked one",
        breaks="P3",
        file="workflows_app/migrations/0001_initial.py",
        old=(
            "['active', 'reconciling', 'blocked'])), fields=('workflow', 'lane'),"
            " name='one_open_run_per_lane'"
        ),
        new=(
            "['active', 'reconciling'])), fields=('workflow', 'lane'), name='one_open_run_per_lane'"
        ),
        tests=("models/test_constraints.py::test_the_database_refuses",),
    ),
    Fault(
        says="the doctor does not see two effects of one event",
        breaks="P1",
        file="workflows_app/doctor/ledger.py",
        old="WHERE m.status <> 'failed'\n",
        new="WHERE m.status = 'applied'\n",
        tests=("doctor/test_planted.py::test_the_doctor_finds_what_was_planted",),
    ),
    Fault(
        says="the doctor does not see a reserved event that nobody will finish",
        breaks="P2",
        file="workflows_app/doctor/events.py",
        old=(
            "OR (r.owes_retry AND r.only_next)\n"
            "                    OR (r.owes_retry AND r.status = 'crashed' AND r.took_over)\n"
            "                   ) IS NOT TRUE"
        ),
        new="OR r.owes_retry\n                   ) IS NOT TRUE",
        tests=("doctor/test_planted.py::test_the_doctor_finds_what_was_planted",),
    ),
    Fault(
        says="the doctor does not see a run that goes on beside an owed retry",
        breaks="P3",
        file="workflows_app/doctor/runs.py",
        old="WHERE r.status IN ('active', 'reconciling', 'blocked')\n        \"\"\"",
        new="WHERE r.status IN ('active', 'blocked') AND o.id = r.id\n        \"\"\"",
        tests=("doctor/test_planted.py::test_the_doctor_finds_what_was_planted",),
    ),
    Fault(
        says="a bulk button decides on all rows of the list, not on those that were chosen",
        breaks="P4",
        file="workflows_app/admin/bulk.py",
        old="self.get_queryset(request).filter(pk__in=chosen)",
        new="self.get_queryset(request)",
        tests=("admin/test_bulk.py::test_confirmed_each_is_a_decision_of_its_own",),
    ),
    Fault(
        says="a button is pressed by following a link, without its dialog",
        breaks="P4",
        file="workflows_app/admin/dialogs.py",
        old="            super().__init__(*args, **kwargs)\n            self.row",
        new=(
            '            kwargs["data"] = kwargs["data"] or kwargs["request"].GET\n'
            "            super().__init__(*args, **kwargs)\n            self.row"
        ),
        tests=("admin/test_run_buttons.py::test_get_with_a_reason_in_the_address_changes_nothing",),
    ),
    Fault(
        says="viewers are shown the buttons",
        breaks="P4",
        file="workflows_app/admin/dialogs.py",
        old='permissions=["view", button.permission],',
        new='permissions=["view"],',
        tests=("admin/test_run_buttons.py::test_a_viewer_sees_no_button_and_is_denied",),
    ),
]
