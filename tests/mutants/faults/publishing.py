"""Publishing: causes, arrivals, and events that are no longer the publisher's."""

from tests.mutants.fault import Fault

_STORING = "workflows_app/publishing/storing.py"
_WRITING = "workflows_app/publishing/writing.py"

PUBLISHING = [
    Fault(
        says="publishing again changes the payload of an event that is handled already",
        breaks="P6",
        file=_STORING,
        old="    return is_pending and not is_same_json",
        new="    return not is_same_json",
        tests=(
            "unit/test_publishing_again.py::test_an_event_that_is_no_longer_pending_is_not_touched",
        ),
    ),
    Fault(
        says="publishing keeps the lock of an event that a run has taken meanwhile",
        breaks="P2",
        file=_STORING,
        old="            transaction.set_rollback(True)\n",
        new="            pass\n",
        tests=(
            "unit/test_publishing_many.py::test_what_is_reserved_meanwhile_is_too_late_and_keeps_no_lock",
        ),
    ),
    Fault(
        says="publishing again adds no cause",
        breaks="P5",
        file=_STORING,
        old="for entry, cause in zip(entries, causes, strict=True)}",
        new="for entry, cause in zip(entries, causes, strict=True) if entry.key in new}",
        tests=(
            "unit/test_publishing_again.py::test_a_pending_event_takes_the_new_payload_and_the_new_cause",
        ),
    ),
    Fault(
        says="another payload is not told from the one that prepare saw",
        breaks="P2",
        file=_STORING,
        old="    event.revision += 1\n",
        new="",
        tests=(
            "engine/test_checkpoint.py::test_a_payload_published_anew_meanwhile_makes_the_run_start_over",
        ),
    ),
    Fault(
        says="another payload leaves the event in its old lane",
        breaks="P2",
        file=_STORING,
        old="    event.payload, event.lane = entry.payload, entry.lane\n",
        new="    event.payload = entry.payload\n",
        tests=(
            "engine/test_lane_names.py::test_a_pending_event_whose_payload_changes_changes_its_lane",
        ),
    ),
    Fault(
        says="a new event leaves no arrival",
        breaks="P2",
        file=_STORING,
        old="    news = [events[key] for key in last if key in new] + changed\n",
        new="    news = changed\n",
        tests=("engine/test_offered_events.py::test_an_empty_prepare_waits_for_the_next_event",),
    ),
    Fault(
        says="another payload of a pending event leaves no arrival",
        breaks="P2",
        file=_STORING,
        old=" if key in new] + changed\n",
        new=" if key in new]\n",
        tests=(
            "unit/test_publishing_again.py::test_a_pending_event_takes_the_new_payload_and_the_new_cause",
        ),
    ),
    Fault(
        says="the input that an application names is not the event's cause",
        breaks="P5",
        file=_WRITING,
        old="cause = self.checked_input(input) or own_input(topic, name)",
        new="cause = self.checked_input(input) and None or own_input(topic, name)",
        tests=("unit/test_publishing.py::test_an_event_comes_of_the_input_given",),
    ),
    Fault(
        says="an input of another workflow is taken for a cause",
        breaks="P5",
        file=_WRITING,
        old="if isinstance(input, Input) and input.pk and input.workflow_id == self.workflow.pk:",
        new="if isinstance(input, Input) and input.pk:",
        tests=("unit/test_publishing_refused.py::test_an_input_of_another_workflow_is_refused",),
    ),
    Fault(
        says="what a producer registered is not the cause of what it publishes",
        breaks="P5",
        file="workflows_app/publishing/__init__.py",
        old="item.input or own_input(item.topic, item.message_id)",
        new="own_input(item.topic, item.message_id)",
        tests=(
            "engine/test_producers.py"
            "::test_a_registered_input_is_the_cause_of_what_is_published_for_it",
        ),
    ),
    Fault(
        says="an application wakes nobody by what it publishes",
        breaks="P2",
        file=_WRITING,
        old="        wake(self.workflow.pk)\n",
        new="        assert wake\n",
        tests=("unit/test_publishing.py::test_the_host_is_woken_once_after_the_commit",),
    ),
]
