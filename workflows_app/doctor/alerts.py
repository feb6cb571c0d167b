"""Messages to people: whether they get through."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from workflows_app.alerts.outages import outages
from workflows_app.doctor.check import Check, Found, Scope, Severity
from workflows_app.doctor.statements import rows

#: Workers look far more often.
_LATE_AFTER = timedelta(minutes=15)


def _refused(scope: Scope) -> Iterator[Found]:
    for outage in outages(with_names=True):
        since = f"{outage.since:%Y-%m-%d %H:%M:%S %Z}"
        told = f"did not take {outage.messages} that wait since {since}: {outage.problem}"
        yield Found(None, "channel", outage.line, told)


def _unsent(scope: Scope) -> Iterator[Found]:
    yield from rows(
        """
        SELECT workflow_id, 'alert' AS subject, id,
               concat('is to be sent since ', next_attempt_at, ', and no worker has tried since') AS detail
          FROM workflows_app_alert
         WHERE status = 'waiting' AND next_attempt_at < %(before)s
           AND (claimed_until IS NULL OR claimed_until < statement_timestamp())
        """,
        scope,
        before=scope.clock() - _LATE_AFTER,
    )


CHECKS = [
    Check(
        id="D911",
        title="A channel of alerts takes no messages",
        meaning="People are not told what waits for them. The messages are tried again until they are taken.",
        remedy="See that the channel is there, and that its address in WORKFLOWS['alerts'] is right; of a person, the"
        " e-mail of their account.",
        severity=Severity.WARNING,
        find=_refused,
    ),
    Check(
        id="D912",
        title="A message to people waits, and no worker sends it",
        meaning="Whoever should know of something that waits is not told.",
        remedy="See that `manage.py run_worker` runs somewhere, with WORKFLOWS['alerts'] in its settings.",
        severity=Severity.WARNING,
        find=_unsent,
    ),
]
