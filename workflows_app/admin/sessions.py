"""How long a person stays logged in to the console, and when they say again who they are.

A browser that is left open must not decide for ever. The times are in the session, so that they end with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore
from django.db import Error
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from workflows_app.conf import policy

_LOGGED_IN_AT = "workflows_logged_in_at"
_SEEN_AT = "workflows_seen_at"
_NAMED_AT = "workflows_named_at"
_WRONG = "workflows_wrong_passwords"
#: A session is not written for each page.
_SEEN_EVERY_SECONDS = 300.0
#: More wrong passwords than this, one after the other, end the session.
WRONG_AT_MOST = 5


@receiver(user_logged_in, dispatch_uid="workflows_app.sessions")
def _begin(request: HttpRequest, **_: Any) -> None:
    request.session[_LOGGED_IN_AT] = request.session[_NAMED_AT] = time.time()


class SessionAgeMiddleware:
    """Logs people out of the admin who were away for too long, or logged in too long ago.

    Put it behind Django's for authentication and for messages.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or "admin" not in match.app_names:
            return None
        try:
            why = _why_over(request.session) if request.user.is_authenticated else ""
        except Error:
            # The page asks the same, and for it there is an answer: see `away`.
            return None
        if not why:
            return None
        logout(request)
        messages.warning(request, why)
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Redirect": reverse("admin:login")})
        is_reading = request.method in ("GET", "HEAD")
        return redirect_to_login(
            request.get_full_path() if is_reading else reverse("admin:index"),
            reverse("admin:login"),
        )


def _why_over(session: SessionBase) -> str:
    """Return why the session is over, or note that somebody is there."""
    now, limits = time.time(), policy()
    logged_in_at = session.setdefault(_LOGGED_IN_AT, now)
    seen_at = session.get(_SEEN_AT, logged_in_at)
    if 0 < limits.session_seconds < now - logged_in_at:
        return "You logged in long ago. Log in again."
    if 0 < limits.session_idle_seconds < now - seen_at:
        return "You were away for long. Log in again."
    if now - seen_at >= min(_SEEN_EVERY_SECONDS, limits.session_idle_seconds / 10) > 0:
        session[_SEEN_AT] = now
    return ""


def must_name_themselves(request: HttpRequest) -> bool:
    """Tell whether the person gives the password again before the next decision."""
    seconds = policy().password_again_seconds
    return bool(0 < seconds < time.time() - request.session.get(_NAMED_AT, 0.0))


def is_password(request: HttpRequest, password: str) -> bool:
    """Tell whether it is the person's, and remember that. Too many wrong ones end the session."""
    user: Any = request.user
    if user.check_password(password):
        request.session[_NAMED_AT] = time.time()
        request.session.pop(_WRONG, None)
        return True
    wrong = request.session.get(_WRONG, 0) + 1
    request.session[_WRONG] = wrong
    if wrong > WRONG_AT_MOST:
        logout(request)
    return False


def can_be_ended() -> bool:
    """Tell whether the project keeps its sessions where one can look whose they are."""
    return issubclass(import_module(settings.SESSION_ENGINE).SessionStore, SessionStore)


def end_sessions(accounts: set[str]) -> int:
    """End all sessions of the accounts of these keys; return how many."""
    store: Any = import_module(settings.SESSION_ENGINE).SessionStore
    ended = 0
    for row in store.get_model_class().objects.filter(expire_date__gt=timezone.now()).iterator():
        if row.get_decoded().get("_auth_user_id") in accounts:
            store(row.session_key).delete()
            ended += 1
    return ended
