"""A story: a list of plain steps over the real engine, and after each step all that is different.

The text is kept in `__snapshots__`. What a user can see is told: rows with the reason and the person of each
change, log lines, what outside systems were sent, the jobs that wake a worker. How many statements or turns it
took is not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from inspect import signature
from typing import Any

from django.db import connection, transaction

from tests.clocks import Clock
from tests.jobs import empty_queue, jobs
from tests.stories.ledger import Ledger, number_rows
from tests.stories.log_lines import LogLines
from tests.stories.outside import Outside
from tests.stories.people import hired, target_of
from tests.stories.standing import Standing
from tests.stories.telling import Telling
from tests.stories.words import BEGINNING, Words, as_in_rows, offset
from workflows_app import registry
from workflows_app.conf import policy
from workflows_app.dispatch import due_workflows
from workflows_app.engine import claims
from workflows_app.engine.advancing import advance
from workflows_app.engine.answers import read_execute, read_reconcile
from workflows_app.engine.host import Host
from workflows_app.engine.jobs import Answer
from workflows_app.engine.late import record_late
from workflows_app.engine.versions import sync
from workflows_app.errors import OperationRefused, WorkflowsError
from workflows_app.models import Mutation, Workflow
from workflows_app.models.clocks import database_now
from workflows_app.publishing import publish, publish_many, register_input
from workflows_app.sdk import Workflow as WorkflowCode
from workflows_app.sdk.raised import EndsTest
from workflows_app.testing import SimulatedCrash

_INDENT = " " * 4
#: After so many the host does not come to rest.
_MOST_ROUNDS, _MOST_STEPS = 5, 100


class Broken(EndsTest):
    """What a story lets happen in a handler is wrong: the story ends, and not the run."""


class Story:
    """Where a story happens, and its text."""

    def __init__(self, clock: Clock, *, is_whole: bool = False) -> None:
        self.clock = clock
        self._is_whole = is_whole
        self.lines: list[str] = []
        self._words = Words()
        self._notes: list[str] = []
        self._margin = ""
        self._is_quiet = self._is_in_table = False
        self._steps = 0
        self._outside: dict[str, Outside] = {}
        #: What handlers do when they are next in a phase, as "Ship.prepare".
        self._troubles: dict[str, list[Any]] = {}
        self._code = ExitStack()
        self._host: Host | None = None
        number_rows()
        self.people = hired()
        self._ledger, self._standing = Ledger(), Standing()
        #: The payloads of the step that is under way.
        self._given: set[str] = set()
        self.logged = LogLines()

    def end(self) -> None:
        if self._host is not None:
            self.host_goes_on()
        self._code.close()

    def text(self) -> str:
        return "\n".join(self.lines).strip() + "\n"

    # What the code of a story shares with it

    def outside(self, name: str) -> Outside:
        """Return the outside system of this name."""
        return self._outside.setdefault(name, Outside(name, self.note))

    def note(self, text: str) -> None:
        """Tell of something that happens in the step that is under way."""
        self._notes.append(text)

    def trouble(self, phase: str, *troubles: Any) -> None:
        """Let these happen, one after the other, when a handler is in `phase`, as "Ship.next"."""
        self._troubles.setdefault(phase, []).extend(troubles)

    def meets(self, phase: str, ctx: Any = None) -> Any:
        """Do what is in store for this phase; return what the handler itself must return."""
        found = self._troubles.get(phase)
        trouble = found.pop(0) if found else None
        if isinstance(trouble, BaseException):
            self.note(f"{phase} raises {type(trouble).__name__}: {trouble}")
            raise trouble
        if trouble == "worker dies":
            self.note(f"{phase}: its worker dies")
            raise SimulatedCrash
        if callable(trouble):
            try:
                return trouble(ctx) if signature(trouble).parameters else trouble()
            except (AttributeError, TypeError, NameError, AssertionError) as error:
                raise Broken(phase) from error
        return trouble

    # Steps

    @contextmanager
    def step(self, sentence: str) -> Iterator[None]:
        """Tell what the block does in one sentence, and then all that is different after it."""
        number_rows()
        self._steps += 1
        if not self._is_in_table:
            self._say(f"{self._steps}. {sentence}")
        try:
            yield
        finally:
            if not connection.needs_rollback:
                self._tell_all(sentence)

    def does(self, sentence: str, what: Callable[[], Any]) -> Any:
        """A step; a refusal is told."""
        with self.step(sentence):
            return self._tried(what)

    def _tried(self, what: Callable[[], Any]) -> Any:
        try:
            return what()
        except OperationRefused as refused:
            self.note(f"refused ({refused.code}): {refused}")
        except WorkflowsError as error:
            code = getattr(error, "code", type(error).__name__)
            self.note(f"refused ({code}): {error}")
        return None

    def _tell_all(self, sentence: str = "") -> None:
        jobs = self._woken()
        if self._is_quiet and sentence:
            return
        telling = Telling(self._ledger, self._words, as_in_rows(self.clock.at), said=sentence)
        telling.usual.given, self._given = self._given, set()
        telling.notes, self._notes = [self._words.plain(note) for note in self._notes], []
        logged = [self._words.plain(line) for line in self.logged.taken()]
        told = list(telling.whole() if self._is_whole else telling.short(logged))
        told += [f"log {line}" for line in logged]
        told += self._standing.changes(telling, jobs)
        if not self._is_quiet:
            if not told and not telling.asides:
                telling.asides.append("Nothing changes.")
            if sentence:
                self.lines[-1] = " ".join([self.lines[-1], *telling.asides])
            self._say(*(f"{_INDENT}{line}" for line in told))

    @contextmanager
    def in_short(self) -> Iterator[None]:
        """Tell the steps of the block, and not what they change: other stories do."""
        self._is_quiet = True
        try:
            yield
        finally:
            self._tell_all()
            self._is_quiet = False

    def tell(self, *lines: str) -> None:
        """Tell these lines, as they are."""
        self._is_in_table = True
        self._say(*lines)

    def sent(self) -> list[str]:
        """Return the calls that outside systems got, by their words."""
        return [call for found in self._outside.values() for call in found.calls]

    def _say(self, *lines: str) -> None:
        self.lines += [f"{self._margin}{line}".rstrip() for line in lines]

    @contextmanager
    def what_if(self, sentence: str) -> Iterator[None]:
        """Tell what would follow from here. At the end of the block nothing of it has happened."""
        self._say("", f"What if {sentence}?")
        self._margin += "  | "
        try:
            with self.branch():
                yield
        finally:
            self._margin = self._margin[:-4]

    @contextmanager
    def branch(self) -> Iterator[None]:
        """At the end of the block nothing of it has happened."""
        kept_code, self._code = self._code, ExitStack()
        kept = (self._ledger.copy(), Words(self._words.known), self._steps, self.clock.at)
        standing = self._standing.copy()
        outside = {name: found.kept() for name, found in self._outside.items()}
        troubles = {phase: list(found) for phase, found in self._troubles.items()}
        branch: Any = transaction.atomic()
        # So that durable blocks open inside, as within Django's own test cases.
        branch._from_testcase = True
        try:
            with branch:
                yield
                transaction.set_rollback(True)
        finally:
            self._code.close()
            self._code = kept_code
            self._ledger, self._words, self._steps, self.clock.at = kept
            self._standing = standing
            number_rows()
            self._troubles = troubles
            for name, found in outside.items():
                self._outside[name].put_back(found)

    def _woken(self) -> list[str]:
        """Do what waits for the commit, and return the jobs that it made."""
        waiting, connection.run_on_commit = connection.run_on_commit, []
        for _, callback, *_ in waiting:
            callback()
        if not waiting:
            return []
        found = jobs()
        empty_queue()
        return found

    def _at(self, seconds: float) -> str:
        if seconds:
            self.clock.advance(seconds=seconds)
        return f"{offset((self.clock.at - BEGINNING).total_seconds())}"

    def begins_with(self, *codes: type[WorkflowCode]) -> None:
        """Deploy these, and tell no more of it."""
        for code in codes:
            with registry.override(code):
                sync(code)
            self._code.enter_context(registry.override(code))
        if not self._is_in_table:
            self._tell_all()
            told = ", ".join(f"{code.slug} {code.version}" for code in codes)
            self.lines = [f"There is {told}."]

    def deploy(self, code: type[WorkflowCode], told: str = "", **options: Any) -> None:
        """Deploy `code`, as `sync_workflows` does."""
        said = f"Version {code.version} of {code.slug} is deployed{told and f': {told}'}."
        with self.step(said):

            def deploy() -> None:
                with registry.override(code):
                    result = sync(code, **options)
                self.note(f"{result.slug} {result.version}: {result.outcome}")
                self._code.enter_context(registry.override(code))

            self._tried(deploy)

    def deploys_now(self, code: type[WorkflowCode], **options: Any) -> None:
        """Deploy `code` in the middle of a step."""
        with registry.override(code):
            sync(code, **options)
        self._code.enter_context(registry.override(code))

    def publish(
        self, topic: str, *events: tuple[str, Any], slug: str = "ship", **more: Any
    ) -> None:
        """The application publishes events, each in a transaction of its own."""
        told = ", ".join(f"{name} {json.dumps(payload)}" for name, payload in events)
        with self.step(f"The application publishes in {topic}: {told}."):
            for message_id, payload in events:
                event = self._tried(
                    lambda message_id=message_id, payload=payload: publish(
                        workflow=slug, topic=topic, message_id=message_id, payload=payload, **more
                    )
                )
                if event is not None:
                    self._given.add(json.dumps(payload, sort_keys=True))
                    # What is new, is told as such.
                    if event.outcome != "new":
                        self.note(f"{message_id}: {event.outcome}")

    def publish_together(
        self, topic: str, events: list[Any], *, slug: str = "ship", **more: Any
    ) -> None:
        told = json.dumps(events)
        with self.step(f"The application publishes together in {topic}: {told}."):
            found = self._tried(
                lambda: publish_many(workflow=slug, topic=topic, events=events, **more)
            )
            for one in found or ():
                self.note(f"{one.message_id}: {one.outcome}, event {one.event_id}")

    def registers(self, external_id: str, title: str = "", slug: str = "ship") -> Any:
        """The application registers an input."""
        with self.step(f"The application registers letter {external_id}, “{title}”."):
            return register_input(
                workflow=slug, source="post", type="letter", external_id=external_id, title=title
            )

    def works(self, after: float = 0) -> None:
        """Let the host work until nothing is due, so many seconds later."""
        with self.step(f"At {self._at(after)} the host works."):
            self.works_untold()

    def works_untold(self, after: float = 0) -> None:
        """Let the host work so, in the middle of a step or for a line of a table."""
        self._at(after)
        try:
            for _ in range(_MOST_ROUNDS):
                due = due_workflows(database_now())
                if not due:
                    return
                for pk in sorted(due):
                    advance(pk, max_steps=_MOST_STEPS)
        except SimulatedCrash:
            self.note("the worker dies")
            return
        self.note("it comes to no rest")

    def works_until_called(self, outside: str, slug: str = "ship") -> None:
        """Let a host work until a call waits for its answer, and leave it there."""
        with self.step(f"A host works until {outside} has a call that it does not answer."):
            self._host = Host(at_once=4, inline=True)
            assert self._host.claim(Workflow.objects.get(slug=slug).pk)
            found = self.outside(outside)
            while not found.entered.acquire(blocking=False):
                self._host.step(wait=0.01)

    def host_goes_on(self, outside: str = "") -> None:
        """Let the host that was left go on until nothing is due."""
        with self.step(f"{outside or 'Nobody'} answers, and that host goes on."):
            host, self._host = self._host, None
            assert host is not None
            if outside:
                self.outside(outside).lets_answer()
            try:
                while host.holdings:
                    host.step(wait=1.0)
            except SimulatedCrash:
                self.note("the worker dies")
            finally:
                host.give_back()

    @staticmethod
    def workflow(slug: str) -> Workflow:
        return Workflow.objects.get(slug=slug)

    @staticmethod
    def claims_now(slug: str, holder: str) -> bool:
        """Claim a workflow for `holder` in the middle of a step; tell whether it has it."""
        return claims.claim(Workflow.objects.get(slug=slug).pk, holder=holder) is not None

    def is_claimed(self, holder: str, slug: str = "ship") -> None:
        """Another worker claims the workflow."""
        with self.step(f"A worker elsewhere claims {slug}."):
            self.note("it has it" if self.claims_now(slug, holder) else "it does not get it")

    def press(
        self, person: str, operation: Any, target: Any, reason: str = "looked", **options: Any
    ) -> Any:
        """A person decides. `target`: the number of a run, a message id, a slug, or a consumer's name."""
        told = {**options, "reason": reason} if reason else options
        words = ", ".join(f"{name}={value!r}" for name, value in told.items())
        with self.step(f"{person}: {operation.__name__} {target}, {words}."):
            row = target_of(operation.__name__, target)
            given = {"text": reason} if operation.__name__ == "add_note" else {"reason": reason}
            return self._tried(
                lambda: operation(row, actor=self.people[person], **given, **options)
            )

    def late(
        self, mutation: int, *, answer: Any = None, error: Any = None, asked: bool = False
    ) -> None:
        """An answer comes when the host has gone on."""
        said = error if error is not None else answer
        of_what = "to the question" if asked else "to the call"
        with self.step(f"A late answer {of_what} of mutation {mutation} arrives: {said!r}."):
            read = read_reconcile if asked else read_execute
            finding = read(Answer(value=answer, error=error), policy())
            record_late(Mutation.objects.get(pk=mutation), finding)
