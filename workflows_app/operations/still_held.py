"""What a workflow still holds: what would be lost, or never be known, if it ended now (P2, P3)."""

from __future__ import annotations

from dataclasses import dataclass, fields

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from workflows_app.engine.retry import only_next_is_missing
from workflows_app.models import Event, Mutation, Run, Workflow


@dataclass(frozen=True)
class StillHeld:
    """How much of each kind a workflow holds, by its name in JSON."""

    pending_events: int
    blocked_runs: int
    #: Open and not blocked.
    open_runs: int
    #: Some are of runs that are counted, too.
    unknown_effects: int
    owed_retries: int
    #: Those of which only `next` is left: their events are reserved, or skipped already, and can't be skipped.
    retries_of_next: int

    @classmethod
    def by(cls, workflow: Workflow) -> StillHeld:
        """Return what `workflow` holds now. Four queries."""
        events = Event.objects.filter(topic__workflow=workflow, status=Event.Status.PENDING)
        is_open = list(workflow.runs.filter(status__in=Run.OPEN).values_list("status", flat=True))
        blocked = is_open.count(Run.Status.BLOCKED)
        owing = workflow.runs.filter(owes_retry=True)
        owing = owing.select_related("mutation", "carried_mutation").order_by()
        effects = Mutation.objects.filter(run__workflow=workflow, status__in=Mutation.UNKNOWN)
        return cls(
            pending_events=events.count(),
            blocked_runs=blocked,
            open_runs=len(is_open) - blocked,
            unknown_effects=effects.count(),
            owed_retries=len(owing),
            retries_of_next=sum(map(only_next_is_missing, owing)),
        )

    @property
    def is_nothing(self) -> bool:
        return not any(getattr(self, field.name) for field in fields(self))

    def in_words(self) -> str:
        """Say how much of what, without what there is none of: “2 pending events, 1 blocked run”."""
        told = [
            (
                self.pending_events,
                ngettext(
                    "%(number)d pending event", "%(number)d pending events", self.pending_events
                ),
            ),
            (
                self.blocked_runs,
                ngettext("%(number)d blocked run", "%(number)d blocked runs", self.blocked_runs),
            ),
            (
                self.open_runs,
                ngettext("%(number)d open run", "%(number)d open runs", self.open_runs),
            ),
            (
                self.unknown_effects,
                ngettext(
                    "%(number)d outside effect with an unknown outcome",
                    "%(number)d outside effects with an unknown outcome",
                    self.unknown_effects,
                ),
            ),
            (
                self.owed_retries,
                ngettext("%(number)d owed retry", "%(number)d owed retries", self.owed_retries),
            ),
        ]
        return ", ".join(words % {"number": number} for number, words in told if number)

    def settled_by(self) -> str:
        """Say by which commands that is settled."""
        told = []
        if self.pending_events or self.owed_retries > self.retries_of_next:
            told.append(
                _("manage.py skip_events gives up events, and the retries that are owed for them.")
            )
        if self.blocked_runs or self.unknown_effects:
            told.append(_("manage.py resolve_runs settles what is unknown."))
        if self.blocked_runs or self.open_runs or self.retries_of_next:
            told.append(
                _(
                    "Only its code ends runs: deploy that, or a stand-in for it, once more (manage.py"
                    " sync_workflows)."
                )
            )
        return " ".join(told)
