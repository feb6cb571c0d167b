"""Versions and what they left behind: topics without a consumer, runs without their handler (P6)."""

from __future__ import annotations

from collections.abc import Iterator

from workflows_app import registry
from workflows_app.doctor.check import Check, Found, Scope, Severity
from workflows_app.doctor.statements import statement
from workflows_app.models import Workflow


def _other_versions(scope: Scope) -> Iterator[Found]:
    found = Workflow.objects.select_related("active_version").order_by("pk")
    if scope.workflow_id is not None:
        found = found.filter(pk=scope.workflow_id)
    for workflow in found:
        code, active = registry.get(workflow.slug), workflow.active_version
        if workflow.retired_at is not None:
            if code is None:
                continue
            detail = f"is retired, but the code here has it in version {code.version}"
        elif active is None:
            continue
        elif code is None:
            detail = f"has version {active} active, but no code here"
        elif code.version_pair() != active.pair:
            detail = f"has version {active} active, but the code here is {code.version}"
        elif active.source_digest != registry.source_digest(code):
            detail = f"has version {active} active with other code than here"
        else:
            continue
        yield Found(workflow.pk, "workflow", workflow.pk, detail)


CHECKS = [
    Check(
        id="D901",
        title="A workflow has no active version",
        meaning="No worker can run it.",
        remedy="Run `manage.py sync_workflows`.",
        find=statement("""
            SELECT id AS workflow_id, 'workflow' AS subject, id, 'has no active version' AS detail
              FROM workflows_app_workflow WHERE active_version_id IS NULL
        """),
    ),
    Check(
        id="D902",
        title="A topic has a consumer that the active version does not have",
        meaning="Its events wait for somebody who never looks, and no list says so.",
        remedy="Raise the version, and run `manage.py sync_workflows`: it sets the consumers anew.",
        find=statement("""
            SELECT t.workflow_id, 'topic' AS subject, t.id,
                   concat(t.name, ' has consumer ', h.name, ', ',
                          CASE WHEN h.is_current THEN 'which is a producer'
                               ELSE 'which is not in the active version' END) AS detail
              FROM workflows_app_topic t
              JOIN workflows_app_handler h ON h.id = t.consumer_id
             WHERE NOT h.is_current OR h.kind <> 'consumer'
        """),
    ),
    Check(
        id="D903",
        title="Events are pending in a topic that nobody consumes",
        meaning="They stay there until a version has a consumer of the topic.",
        remedy="Deploy a version that consumes them, or skip them.",
        severity=Severity.WARNING,
        find=statement("""
            SELECT t.workflow_id, 'topic' AS subject, t.id,
                   concat(t.name, ' has ', waiting.number, ' pending event(s)') AS detail
              FROM workflows_app_topic t
             CROSS JOIN LATERAL (SELECT count(*) AS number FROM workflows_app_event e
                                  WHERE e.topic_id = t.id AND e.status = 'pending') waiting
             WHERE t.consumer_id IS NULL AND waiting.number > 0
        """),
    ),
    Check(
        id="D904",
        title="A run is unfinished, but the active version has no handler for it",
        meaning="It holds its lane, and can't be retried.",
        remedy="Deploy a version that has the handler again.",
        severity=Severity.WARNING,
        find=statement("""
            SELECT r.workflow_id, 'run' AS subject, r.id,
                   concat('of ', h.name, ' is ', r.status) AS detail
              FROM run_and_outcome r
              JOIN workflows_app_handler h ON h.id = r.handler_id
             WHERE (r.is_open OR r.owes_retry)
               AND NOT h.is_current
        """),
    ),
    Check(
        id="D905",
        title="The code here is not the active version",
        meaning=(
            "This process leaves the workflow to others, and could not look for lost wake-ups of it"
            " (D801). A worker of this code does nothing for it."
        ),
        remedy=(
            "Deploy the code everywhere, and run `manage.py sync_workflows`. If the workflow has ended,"
            " `manage.py retire_workflow` says so to all."
        ),
        severity=Severity.WARNING,
        find=_other_versions,
    ),
]
