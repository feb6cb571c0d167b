"""Publishing: causes, arrivals, and events that are no longer the publisher's."""

from tests.mutants.fault import Fault

_FILE = "workflows_app/publishing.py"
_SETTLED = "unit/test_publishing_again.py::test_an_event_that_is_no_longer_pending_is_not_touched"

PUBLISHING = [
    Fault(
        says="publishing again changes the payload of an event that is handled already",
        breaks="P6",
        file=_FILE,
        old=(
            "    if event.status != Event.Status.PENDING or is_same_json(event.payload, payload):\n"
            "        return event\n"
            "    with transaction.atomic():\n"
            "        event = Event.objects.select_for_update(no_key=True).get(pk=event.pk)\n"
            "        if event.status != Event.Status.PENDING:\n"
        ),
        new=(
            "    if is_same_json(event.payload, payload):\n"
            "        return event\n"
            "    with transaction.atomic():\n"
            "        event = Event.objects.select_for_update(no_key=True).get(pk=event.pk)\n"
            "        if event.status is None:\n"
        ),
        tests=(_SETTLED,),
    ),
    Fault(
        says="the payload of an event that is reserved meanwhile is changed",
        breaks="P1",
        file=_FILE,
        old="        if event.status != Event.Status.PENDING:\n",
        new="        if event.status is None:\n",
        tests=(
            "unit/test_publishing_again.py::test_an_event_that_is_reserved_meanwhile_is_not_touched",
        ),
    ),
    Fault(
        says="publishing again what is consumed makes another event of it",
        breaks="P6",
        file=_FILE,
        old="        event = _update_pending(event, payload, created_by)\n",
        new=(
            "        if event.status == Event.Status.CONSUMED:\n"
            '            key = f"{message_id} again"\n'
            "            event, _ = Event.objects.get_or_create(topic=topic, message_id=key)\n"
            "        event = _update_pending(event, payload, created_by)\n"
        ),
        tests=(
            "engine/test_publications.py::test_publishing_what_is_consumed_already_revives_nothing",
        ),
    ),
    Fault(
        says="publishing again adds no cause",
        breaks="P5",
        file=_FILE,
        old="        event = _update_pending(event, payload, created_by)\n",
        new="        return _update_pending(event, payload, created_by)\n",
        tests=(
            "unit/test_publishing_again.py"
            "::test_a_pending_event_takes_the_new_payload_and_the_new_cause",
        ),
    ),
    Fault(
        says="another payload is not told from the one that prepare saw",
        breaks="P2",
        file=_FILE,
        old="        event.revision += 1\n",
        new="",
        tests=(
            "engine/test_checkpoint.py"
            "::test_a_payload_published_anew_meanwhile_makes_the_run_start_over",
        ),
    ),
    Fault(
        says="a new event leaves no arrival",
        breaks="P2",
        file=_FILE,
        old="    if is_new:\n        _announce(topic)",
        new="    if is_new:\n        assert _announce",
        tests=("engine/test_offered_events.py::test_an_empty_prepare_waits_for_the_next_event",),
    ),
    Fault(
        says="another payload of a pending event leaves no arrival",
        breaks="P2",
        file=_FILE,
        old="    _announce(event.topic)\n",
        new="",
        tests=(
            "engine/test_waking_consumers.py"
            "::test_the_payload_of_a_pending_event_published_anew_is_looked_at",
        ),
    ),
    Fault(
        says="the input that an application names is not the event's cause",
        breaks="P5",
        file=_FILE,
        old="cause = _cause(found, input) or own_input(topic, message_id)",
        new="cause = _cause(found, input) and None or own_input(topic, message_id)",
        tests=("unit/test_publishing.py::test_an_event_comes_of_the_input_given",),
    ),
    Fault(
        says="an input of another workflow is taken for a cause",
        breaks="P5",
        file=_FILE,
        old="if isinstance(input, Input) and input.pk and input.workflow_id == workflow.pk:",
        new="if isinstance(input, Input) and input.pk:",
        tests=("unit/test_publishing_refused.py::test_an_input_of_another_workflow_is_refused",),
    ),
    Fault(
        says="what a producer registered is not the cause of what it publishes",
        breaks="P5",
        file="workflows_app/engine/poll.py",
        old="ref = item.input or own_input(item.topic, item.message_id)",
        new="ref = own_input(item.topic, item.message_id)",
        tests=(
            "engine/test_producers.py"
            "::test_a_registered_input_is_the_cause_of_what_is_published_for_it",
        ),
    ),
]
