"""Producers: `poll` in memory, then one commit of all it registered and published (P2, P5)."""

from __future__ import annotations

from workflows_app.boundaries import Boundary, reached
from workflows_app.engine import retry
from workflows_app.engine.claims import held
from workflows_app.engine.contexts import PollView
from workflows_app.engine.next import commit_run
from workflows_app.engine.work import Work
from workflows_app.models import Handler, Topic
from workflows_app.publishing import own_input, store_event, store_input
from workflows_app.sdk.handlers import Producer
from workflows_app.sdk.json_values import copied, json_value


def run_poll(work: Work) -> None:
    """Run `poll` and commit the run, or end the attempt as failed. Commits; raises Fenced."""
    run = work.run
    producer = work.handler_code
    assert issubclass(producer, Producer)
    view = PollView(producer, work.policy, work.clock())
    try:
        state = producer().poll(view, copied(run.handler.state))
        view.raise_violation()
        state = json_value(state, field="state", limit_bytes=work.policy.json_max_bytes)
    except Exception as error:
        retry.fail(work, retry.kind_of(error), error, phase=run.phase)
        return
    now = work.clock()
    run.set_emitting()
    with held(work.claim, may_be_lost=True) as workflow:
        for ref in view.inputs:
            store_input(workflow, ref)
        topics = {topic.name: topic for topic in Topic.objects.filter(workflow=workflow)}
        for item in view.publications:
            ref = item.input or own_input(item.topic, item.message_id)
            store_event(
                topics[item.topic],
                item.message_id,
                item.payload,
                inputs=[store_input(workflow, ref)],
                created_by=run,
            )
        Handler.objects.filter(pk=run.handler_id).update(
            state=state, wake_at=producer.schedule.next_after(now)
        )
        commit_run(work, now)
    reached(Boundary.COMMITTED)
