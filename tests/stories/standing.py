"""What stands after a step, whatever changed: told when it begins to be so, and when it ends."""

from __future__ import annotations

from collections.abc import Iterator

from tests.stories.telling import Telling
from workflows_app.dispatch import due_workflows
from workflows_app.models import Workflow
from workflows_app.models.clocks import database_now


class Standing:
    """What is due, what is blocked, and what does not fit together."""

    def __init__(self) -> None:
        self._due: set[str] = set()
        self._known: set[str] = set()

    def copy(self) -> Standing:
        made = Standing()
        made._due, made._known = self._due, self._known
        return made

    def changes(self, telling: Telling, jobs: list[str]) -> Iterator[str]:
        """Yield whom the step woke, and what has begun and ended with it."""
        slugs = {pk: row["slug"] for pk, row in telling.rows["Workflow"].items()}
        due = {slugs[pk] for pk in due_workflows(database_now())}
        woken = set()
        for job in jobs:
            task, lock, _ = job.split()
            slug = slugs[int(lock.partition(":")[2])]
            if task.endswith(".advance") and slug in due:
                woken.add(slug)
            else:
                yield f"job: {task.partition('.')[2]} {slug}"
        if woken:
            telling.asides.append(f"Wakes {', '.join(sorted(woken))}.")
        if due - self._due - woken:
            yield f"due now, and nobody is woken: {', '.join(sorted(due - self._due - woken))}"
        self._due = due
        known = set(self._all(telling, slugs, {pk for pk in slugs if slugs[pk] in due}))
        yield from sorted(known - self._known)
        yield from (
            f"no more {line}" for line in sorted(self._known - known) if line.startswith("blocked")
        )
        self._known = known

    def _all(self, telling: Telling, slugs: dict[int, str], due: set[int]) -> Iterator[str]:
        blocked = Workflow.objects.with_blocked().filter(blocked=True).order_by("pk")
        yield from (f"blocked: {row.slug}" for row in blocked)
        names = telling.names
        for lane, first, is_held in telling.usual.lanes():
            told = f"oldest pending is {first}, held is {is_held}"
            yield f"{names.name('LaneState', lane)} does not know that its {told}"
        for lease in telling.rows["Lease"].values():
            at, usual = lease["next_due_at"], telling.usual.next_due_at(lease["workflow_id"])
            if at not in (usual, telling.usual.now):
                due_at = f"{slugs[lease['workflow_id']]} is next due at {names.value('', at)}"
                yield f"{due_at}, not at {names.value('', usual)}"
        topics = telling.rows["Topic"]
        # While a workflow is due, that its host takes them is to come.
        for arrival in telling.rows["Arrival"].values():
            if topics[arrival["topic_id"]]["workflow_id"] not in due:
                lane = names.value("lane", arrival["lane"])
                yield f"an arrival waits in {topics[arrival['topic_id']]['name']}, lane {lane}"
