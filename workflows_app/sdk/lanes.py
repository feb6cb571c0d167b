"""Naming the lane of an event: the author's `lane`, checked."""

from __future__ import annotations

import logging
from typing import Any

from workflows_app.conf import LANE_LENGTH, PRODUCER_LANE
from workflows_app.errors import InvalidName, LaneRefused, WorkflowsError
from workflows_app.sdk.json_values import copied, identifier
from workflows_app.sdk.raised import is_for_caller
from workflows_app.sdk.values import EventRecord
from workflows_app.sdk.workflow import Workflow
from workflows_app.sdk.writes import looked_at
from workflows_app.secrets import struck_out

logger = logging.getLogger("workflows_app")


def lane_of(code: type[Workflow] | None, topic: str, message_id: str, payload: Any) -> str | None:
    """Return the lane that the code's consumer names, or None if the code has no consumer of `topic`.

    Raises LaneRefused if `lane` fails, or returns what no lane can be called.
    """
    consumer = code.consumer_of(topic) if code is not None else None
    if code is None or consumer is None:
        return None
    if not consumer.names_lanes():
        return ""
    who = consumer.handler_name()
    try:
        with looked_at(code.slug, who, "lane"):
            lane: Any = consumer().lane(EventRecord(topic, message_id, copied(payload)))
        # A subclass may do anything when it is compared.
        lane = str.__str__(lane) if isinstance(lane, str) else lane
    except BaseException as error:
        if is_for_caller(error):
            raise
        logger.exception("lane.failed consumer=%s topic=%s", who, topic)
        said = struck_out(str(error)) if isinstance(error, WorkflowsError) else type(error).__name__
        raise LaneRefused(who, topic, message_id, f"it raised {said}") from error
    if isinstance(lane, str) and not lane:
        return ""
    try:
        name = identifier(lane, field="what it returned", max_length=LANE_LENGTH)
    except InvalidName as error:
        raise LaneRefused(who, topic, message_id, str(error).removesuffix(".")) from None
    if name.startswith(PRODUCER_LANE):
        raise LaneRefused(who, topic, message_id, f"'{PRODUCER_LANE}' begins lanes of producers")
    return name
