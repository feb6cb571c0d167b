"""Recording a version of a workflow's code and making it active (P6).

Activating changes no event and settles no unknown outcome. It makes owed retries that waited for
other code due now, and wakes the workflow.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from workflows_app import registry
from workflows_app.engine.adopting import (
    drop_owed_retries_without_handler,
    let_all_look,
    make_owed_retries_due,
    sync_handlers,
)
from workflows_app.engine.claims import lock_workflow
from workflows_app.engine.log import logger, say
from workflows_app.engine.orphans import refuse_orphans, refuse_other_kinds
from workflows_app.engine.renaming import (
    BeingChanged,
    LanesAsked,
    ask_lanes,
    name_lanes_anew,
    wait_for_publishers,
)
from workflows_app.errors import SyncRefused
from workflows_app.models import Lease, Workflow, WorkflowVersion
from workflows_app.models.saving import insert_unless_there, save_with_history
from workflows_app.sdk.workflow import Workflow as WorkflowCode
from workflows_app.waking import wake_at

Kind = WorkflowVersion.Kind


#: How often a deploy waits for publishers without holding the workflow.
_TRIES = 20


@dataclass(frozen=True)
class SyncResult:
    """What was done for one workflow.

    `outcome` is `created`, `repaired`, `replanned`, `rolled_back`, `unchanged`, `brought_back` of a
    workflow that was retired, or with DEBUG `edited`: the same version with other code.
    """

    slug: str
    version: str
    outcome: str


def sync(
    code: type[WorkflowCode],
    *,
    actor: User | None = None,
    note: str = "",
    rollback: bool = False,
    accept_orphans: bool = False,
    now: datetime | None = None,
) -> SyncResult:
    """Record the version of `code` and make it active, in one transaction. Raises SyncRefused.

    Waits for applications that are publishing pending events again; the workflow is not held meanwhile,
    unless they do so all the time.
    """
    asked = _ask_lanes(code)
    once = partial(
        _sync, code, asked, actor=actor, note=note, rollback=rollback, accept_orphans=accept_orphans
    )
    for _ in range(_TRIES):
        try:
            return once(now=now, waits=False)
        except BeingChanged as busy:
            wait_for_publishers(busy.events)
    return once(now=now, waits=True)


def _sync(
    code: type[WorkflowCode],
    asked: LanesAsked,
    *,
    actor: User | None,
    note: str,
    rollback: bool,
    accept_orphans: bool,
    now: datetime | None,
    waits: bool,
) -> SyncResult:
    with transaction.atomic():
        workflow = _ensure(code, actor)
        now = now or workflow.lease.seen_at
        active = workflow.active_version
        outcome = _outcome(code, active, rollback=rollback, note=note)
        if workflow.retired_at is not None:
            outcome, kind = "brought_back", outcome
        elif outcome == "unchanged":
            return SyncResult(code.slug, code.version, outcome)
        else:
            kind = outcome
        # Of what was never active nothing can be unfinished.
        if active is not None and not accept_orphans:
            refuse_orphans(code, workflow)
            _refuse_unnamed(code, asked)
        refuse_other_kinds(code, workflow)
        version = _record(code, workflow, active, kind, actor=actor, note=note)
        reason = f"version {version} active ({outcome})" + (f": {note}" if note else "")
        workflow.retired_at = None
        workflow.active_version = version
        workflow.title = code.title
        workflow.secret_names = sorted(code.secret_names())
        fields = ["active_version", "title", "secret_names", "retired_at"]
        save_with_history(workflow, reason=reason, actor=actor, fields=fields)
        sync_handlers(code, workflow, now)
        name_lanes_anew(code, workflow, asked, reason=reason, actor=actor, waits=waits)
        let_all_look(workflow)
        if active is not None:
            drop_owed_retries_without_handler(code, workflow, reason=reason, actor=actor)
            make_owed_retries_due(workflow, reason=reason, actor=actor, now=now)
        wake_at(workflow.pk, due_at=now)
        told = "workflow.synced workflow=%s version=%s outcome=%s"
        say(logging.INFO, told, code.slug, version, outcome)
        return SyncResult(code.slug, code.version, outcome)


def not_in_code() -> list[Workflow]:
    """Return the workflows that are known and not retired, and that the code of this process does not have."""
    slugs = [code.slug for code in registry.all_workflows()]
    known = Workflow.objects.filter(retired_at=None).exclude(slug__in=slugs)
    return list(known.select_related("active_version").order_by("slug"))


def _ask_lanes(code: type[WorkflowCode]) -> LanesAsked:
    """Ask for the lanes of what is pending, if other code than this is active."""
    known = Workflow.objects.select_related("active_version").filter(slug=code.slug).first()
    active = known.active_version if known else None
    if known is None or active is None or _is_same(code, active):
        return LanesAsked()
    return ask_lanes(code, known)


def _refuse_unnamed(code: type[WorkflowCode], asked: LanesAsked) -> None:
    if asked.problem is not None:
        raise SyncRefused(
            "lane_refused",
            f"{code.slug} {code.version}: {asked.problem} Mend it, or use --accept-orphans: such events"
            f" wait for other code.",
        )


def _is_same(code: type[WorkflowCode], active: WorkflowVersion) -> bool:
    digest = registry.source_digest(code)
    return code.version_pair() == active.pair and active.source_digest == digest


def _ensure(code: type[WorkflowCode], actor: User | None) -> Workflow:
    workflow = Workflow.objects.filter(slug=code.slug).first()
    if workflow is None:
        made = Workflow(slug=code.slug, title=code.title)
        reason = "made known by sync_workflows"
        insert_unless_there([made], identity=("slug",), reason=reason, actor=actor)
        workflow = Workflow.objects.get(slug=code.slug)
        Lease.objects.get_or_create(workflow=workflow)
    return lock_workflow(workflow.pk)


def _outcome(
    code: type[WorkflowCode], active: WorkflowVersion | None, *, rollback: bool, note: str
) -> str:
    if active is None:
        return "created"
    if _is_same(code, active):
        return "unchanged"
    here = code.version_pair()
    if here == active.pair:
        _accept_other_code(code, "active")
        return "edited"
    if here > active.pair:
        return "replanned" if here[0] > active.major else "repaired"
    if not rollback:
        raise SyncRefused(
            "lower_version",
            f"{code.slug}: the code has version {code.version}, but {active} is active. To go back, "
            f"use --rollback with a reason.",
        )
    if not note.strip():
        raise SyncRefused("reason_required", f"{code.slug}: --rollback needs a reason.")
    return "rolled_back"


def _accept_other_code(code: type[WorkflowCode], how: str) -> None:
    """Refuse other code than a version has already, but with DEBUG."""
    sentence = (
        f"{code.slug}: version {code.version} is {how} with other code. Raise the version: "
        f"minor for a repair, major for a re-plan."
    )
    if not settings.DEBUG:
        raise SyncRefused("same_version_other_code", sentence)
    logger.warning("%s (accepted, because of DEBUG)", sentence)


def _record(
    code: type[WorkflowCode],
    workflow: Workflow,
    active: WorkflowVersion | None,
    outcome: str,
    *,
    actor: User | None,
    note: str,
) -> WorkflowVersion:
    major, minor = code.version_pair()
    digest = registry.source_digest(code)
    known = WorkflowVersion.objects.filter(workflow=workflow, major=major, minor=minor).first()
    if known is not None:
        if known.source_digest != digest:
            if outcome != "edited":
                _accept_other_code(code, "known")
            known.source_digest = digest
            save_with_history(known, reason="other code, with DEBUG", actor=actor)
        return known
    # A version that was never deployed may be lower than the active one: compare with the best known.
    kinds = {"created": Kind.INITIAL, "repaired": Kind.REPAIR, "replanned": Kind.REPLAN}
    same_major = WorkflowVersion.objects.filter(workflow=workflow, major=major).exists()
    kind = kinds.get(outcome, Kind.REPAIR if same_major else Kind.REPLAN)
    version = WorkflowVersion(
        workflow=workflow,
        major=major,
        minor=minor,
        kind=kind.value,
        source_digest=digest,
        note=note,
        actor=actor,
    )
    save_with_history(version, reason=f"{outcome} by sync_workflows", actor=actor)
    return version
