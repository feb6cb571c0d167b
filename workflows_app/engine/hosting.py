"""A host in a thread of its own, as a worker runs it: others hand it workflows and hear when it is done.

On being told to stop it begins nothing more, waits within a limit for what is under way, and gives back
what it holds. A workflow of which a call or handler still hangs then keeps its claim: nobody may take it
over before this process is gone.

What hangs keeps its thread, and nobody can take that back but the end of the process. A host in which too
many hang says so, and asks for that end.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty
from typing import Any

from django.db import Error, close_old_connections, connection, connections

from workflows_app.conf import policy
from workflows_app.engine.advancing import Slice
from workflows_app.engine.holding import Holding
from workflows_app.engine.host import Host
from workflows_app.engine.jobs import Worker, hanging
from workflows_app.engine.log import logger
from workflows_app.engine.sharing import Crowd, Sharing
from workflows_app.outages import said_by_driver, watch
from workflows_app.waking import SESSION_NAME


@dataclass(frozen=True)
class _Take:
    workflow_id: int
    done: Future[Slice]


@dataclass(frozen=True)
class _Look:
    """Something may have arrived in a workflow that is held."""

    holding: Holding


@dataclass(frozen=True)
class _Stop:
    within_seconds: float


class ThreadedHost(Host):
    """A host that is told by messages what to do."""

    def __init__(
        self,
        *,
        at_once: int,
        others_wait: Callable[[], bool],
        crowd: Callable[[], Crowd] = lambda: Crowd(workers=1, claimed=0),
        give_up: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(at_once=at_once)
        #: Has this host stopped by whoever started it, and its process ended.
        self._give_up = give_up
        self._has_given_up = False
        self._others_wait = others_wait
        self._sharing = Sharing(crowd)
        self._done: dict[int, Future[Slice]] = {}
        self._asked_at = 0.0
        self._stops_at: float | None = None
        #: Nothing is taken any more; changed and asked under the gate.
        self._has_ended = False
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._loop, name="workflows-host", daemon=True)

    # Called by others

    def start(self) -> None:
        self._thread.start()

    def take(self, workflow_id: int) -> Future[Slice]:
        """Have the workflow advanced until nothing is due. The future ends when it is given back."""
        done: Future[Slice] = Future()
        with self._gate:
            if not self._has_ended:
                self.inbox.put(_Take(workflow_id, done))
                return done
        # A job that was taken from the queue as the host ended: others do it.
        done.set_result(Slice(0, has_more=True))
        return done

    def look(self, workflow_id: int) -> None:
        """Have a look at a workflow if it is held: something may have arrived."""
        holding = self.holdings.get(workflow_id)
        # One that is to be looked at is locked, and read, only later.
        if holding is not None and not holding.is_to_look:
            self.inbox.put(_Look(holding))

    def leaves_jobs(self) -> bool:
        """Tell whether other workers shall take jobs first."""
        return self._sharing.leaves_jobs(now=time.monotonic())

    def stop(self, *, within_seconds: float) -> bool:
        """End the host. Return whether all that was under way came to its end within the time."""
        self.inbox.put(_Stop(within_seconds))
        self._thread.join(within_seconds + 5.0)
        return not self._thread.is_alive() and not self.holdings

    # Its own thread

    def _loop(self) -> None:
        # The sweep, and people, shall know it by its name.
        settings = connection.settings_dict
        named = {**settings["OPTIONS"], "application_name": SESSION_NAME}
        connection.settings_dict = {**settings, "OPTIONS": named}
        try:
            while not self._is_over():
                self._go_on()
        finally:
            self._end()
            Worker.end_idle()
            connections.close_all()

    def _go_on(self) -> None:
        has_come = False
        try:
            has_come = self.step(wait=1.0)
            self._end_lingering()
            self._look_at_others()
            self._give_up_if_most_hang()
        except Error as error:
            self._fail(error)
        except Exception as error:
            # A fault of ours. Its runs are recovered by their rows, as after a crash.
            logger.exception("host.failed")
            self._fail(error)
        if not self.holdings and not has_come:
            # Only when nothing came for a while: the next claim looks whether its connection still lives.
            close_old_connections()

    def _is_over(self) -> bool:
        if self._stops_at is None:
            return False
        return not self.holdings or time.monotonic() > self._stops_at

    def receive(self, message: Any) -> None:
        match message:
            case _Take():
                self._take_workflow(message)
            case _Look():
                message.holding.is_to_look = True
            case _Stop():
                self._stops_at = time.monotonic() + message.within_seconds
                for holding in self.holdings.values():
                    self.close(holding)
            case _:
                super().receive(message)

    def _take_workflow(self, message: _Take) -> None:
        pk, stops = message.workflow_id, self._stops_at is not None
        # Its job was taken for stalled and made anew, or calls of a claim that ended are under way.
        is_known = pk in self.holdings or pk in self._under_way.calling()
        try:
            if not stops and not is_known and self.claim(pk):
                self._done[pk] = message.done
                return
        except Exception as error:
            message.done.set_exception(error)
            return
        message.done.set_result(Slice(0, has_more=stops))

    def has_rested(self, holding: Holding) -> None:
        done = self._done.pop(holding.id, None)
        if done is not None and not done.done():
            done.set_result(Slice(self.begun, has_more=holding.is_closing))

    def _give_up_if_most_hang(self) -> None:
        # All that were under way in an outage may hang at once: that alone is no reason.
        if hanging() <= 2 * self.at_once or self._has_given_up:
            return
        self._has_given_up = True
        logger.error(
            "worker.gives_up hung=%s: handlers or calls that took too long still keep their threads;"
            " it ends, to be started anew",
            hanging(),
        )
        self._give_up()

    def _look_at_others(self) -> None:
        """Make room for others, and share with them. What the database refuses of that is looked at another time.

        What is in hand is known to this process alone, and is not given up for it.
        """
        try:
            self._make_room()
            self._share()
        except Error as error:
            if not watch.saw(error):
                logger.warning("host.not_shared error=%s", said_by_driver(error))
            connection.close()

    def _end_lingering(self) -> None:
        """Let workflows linger in a quarter of the places, and leave one free; in none of a full host: others may come."""
        now = time.monotonic()
        idle = [one for one in self.holdings.values() if not one.hands and one.lingers_until > now]
        free = self.at_once - 1 - (len(self.holdings) - len(idle))
        most = 0 if self._under_way.is_full else max(0, min(self.at_once // 4, free))
        idle.sort(key=lambda one: one.lingers_until, reverse=True)
        for holding in idle[most:]:
            holding.lingers_until = now

    def _make_room(self) -> None:
        """Give a workflow back that was held for long, if another one waits for its place."""
        now, seconds = time.monotonic(), policy().slice_seconds
        if len(self.holdings) < self.at_once or now - self._asked_at < seconds:
            return
        self._asked_at = now
        if any(holding.is_closing for holding in self.holdings.values()) or not self._others_wait():
            return
        oldest = self._by_age()[0]
        if now - oldest.held_since >= seconds:
            self.close(oldest)

    def _share(self) -> None:
        """Give workflows back that workers who have less could advance."""
        if any(holding.is_closing for holding in self.holdings.values()):
            return
        held, is_full = len(self.holdings), self._under_way.is_full
        surplus = self._sharing.surplus(
            held, rested=self.rested, is_full=is_full, now=time.monotonic()
        )
        for holding in self._by_age()[:surplus]:
            self.close(holding)

    def _by_age(self) -> list[Holding]:
        return sorted(self.holdings.values(), key=lambda one: one.held_since)

    def _fail(self, error: Exception) -> None:
        done, self._done = self._done, {}
        self._give_back_what_can_be()
        for future in done.values():
            if not future.done():
                future.set_exception(error)

    def _give_back_what_can_be(self) -> None:
        held = len(self.holdings)
        try:
            self.give_back()
        except Error:
            # Then the claims end by themselves.
            logger.warning("claims.not_given_back workflows=%s", held)

    def _end(self) -> None:
        hung = {pk for pk, holding in self.holdings.items() if holding.hands}
        for pk in hung:
            logger.warning("workflow.still_busy workflow=%s", self.holdings[pk].workflow.slug)
        kept = {pk: self.holdings.pop(pk) for pk in hung}
        self._give_back_what_can_be()
        self.holdings.update(kept)
        for future in self._done.values():
            if not future.done():
                future.set_result(Slice(self.begun, has_more=False))
        with self._gate:
            self._has_ended = True
        with contextlib.suppress(Empty):
            while True:
                message = self.inbox.get_nowait()
                if isinstance(message, _Take):
                    message.done.set_result(Slice(0, has_more=True))
