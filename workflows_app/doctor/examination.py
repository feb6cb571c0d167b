"""Going through the checks, one finding at a time: memory does not grow with what is found, but with what is fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from workflows_app.doctor.check import Check, Found, Scope
from workflows_app.models import Workflow
from workflows_app.models.clocks import database_now


@dataclass(frozen=True)
class Finding:
    """What a check found, in which workflow (by slug), and whether it was put right."""

    check: Check
    workflow: str | None
    found: Found
    fixed: bool


def examine(
    checks: Iterable[Check],
    *,
    clock: Callable[[], datetime] = database_now,
    workflow: Workflow | None = None,
    fix: bool = False,
) -> Iterator[Finding]:
    """Run `checks`, on one workflow or all, and yield what they find as it is found.

    With `fix`, what is provably safe is put right, each in a transaction of its own. Without, it
    changes nothing.
    """
    scope = Scope(clock, workflow_id=workflow.pk if workflow else None)
    slugs: dict[int, str] = {}
    for check in checks:
        put_right = check.fix if fix else None
        # A cursor is read in a transaction, of which no fix may be a part.
        for found in list(check.find(scope)) if put_right else check.find(scope):
            if put_right:
                put_right(found, scope)
            if found.workflow_id is not None and not slugs:
                # Not before: it may be a role that can't read them that is found first.
                slugs = dict(Workflow.objects.order_by().values_list("pk", "slug"))
            slug = slugs.get(found.workflow_id) if found.workflow_id is not None else None
            yield Finding(check, slug, found, fixed=put_right is not None)
