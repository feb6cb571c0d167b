"""The part of a worker that tells people: a thread beside the queue, which no call outside can hold up."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

from django.db import Error, close_old_connections, connection

from workflows_app.alerts.looking import forget_old, look
from workflows_app.alerts.sending import Post
from workflows_app.alerts.settings import alert_settings
from workflows_app.models.clocks import database_now
from workflows_app.outages import watch

logger = logging.getLogger("workflows_app")

#: How often a worker looks. All look; one makes the messages.
LOOK_SECONDS = 5.0
#: A look at much that waits takes longer: the pause after it is so many times as long.
_PAUSE_PER_LOOK = 20.0
_FORGET_SECONDS = 3_600.0
#: How long a worker that ends waits for what is being sent. What it does not see sent is sent again.
_END_SECONDS = 5.0


@contextlib.contextmanager
def telling_people() -> Iterator[None]:
    """Tell people while the block lasts, if the settings say where the console is."""
    if not alert_settings().are_on:
        yield
        return
    is_over = threading.Event()
    thread = threading.Thread(target=_watch, args=[is_over], daemon=True, name="alerts")
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(2 * _END_SECONDS)


def _watch(is_over: threading.Event) -> None:
    post, forgot_at = Post(), -_FORGET_SECONDS
    sending: list[threading.Thread] = []
    while True:
        began = time.monotonic()
        try:
            close_old_connections()
            now = database_now()
            look(now=now)
            if time.monotonic() - forgot_at >= _FORGET_SECONDS:
                forget_old(now=now)
                forgot_at = time.monotonic()
            sending = [thread for thread in sending if thread.is_alive()] + post.send_due()
        except Error as error:
            if not watch.saw(error):
                logger.exception("alerts.failed")
        if is_over.wait(max(LOOK_SECONDS, _PAUSE_PER_LOOK * (time.monotonic() - began))):
            break
    for thread in sending:
        thread.join(_END_SECONDS / max(1, len(sending)))
    connection.close()
