"""Saying again who one is, before a decision: for those who have no password here."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from requests import RequestException

from workflows_app.admin.sessions import was_named_within
from workflows_app.login.adapters import AGAIN_AT, single_sign_on_of

logger = logging.getLogger("workflows_app")

#: What the page that comes afterwards takes for just now.
_JUST_NOW_SECONDS = 120.0


def told_if_away(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let a page that asks the provider say so if there is no answer."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except RequestException as error:
            logger.warning("login.provider_away error=%s", type(error).__name__)
            return render(request, "workflows_app/login/provider_away.html", status=503)

    return answer


@never_cache
@login_required
@told_if_away
def again(request: HttpRequest) -> HttpResponse:
    """Lead to where the person logs in: the provider, which is told to ask, or this console's own page."""
    done = reverse("workflows_login_named")
    account = single_sign_on_of(request.user)
    if account is None:
        methods = get_adapter().get_reauthentication_methods(request.user)
        if not methods:
            return redirect(done)
        return redirect(f"{methods[0]['url']}?{urlencode({'next': done})}")
    answer: HttpResponse = account.get_provider(request).redirect(
        request,
        process="redirect",
        next_url=done,
        data={AGAIN_AT: time.time()},
        auth_params={"prompt": "login", "max_age": "0"},
    )
    return answer


@never_cache
@login_required
def named(request: HttpRequest) -> HttpResponse:
    """Say whether it is known again who the person is, and to go back to the decision."""
    is_named = was_named_within(request, seconds=_JUST_NOW_SECONDS)
    return render(request, "workflows_app/login/named.html", {"is_named": is_named})
