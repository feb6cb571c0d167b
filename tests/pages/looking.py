"""How people on the stage look at pages, and press: what they see, as texts."""

from __future__ import annotations

import random
import re
from copy import copy
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.messages import get_messages
from django.db import transaction
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import resolve

from tests.admin.addresses import HOME, list_of
from tests.pages.fixed import go_on_numbering
from tests.pages.reading import Page, page_of_answer
from tests.pages.stage import Stage
from tests.pages.telling import Telling
from workflows_app.admin.parameters import WrongValue
from workflows_app.admin.seeing import seen_by

DIALOG = {"_form_submitted": "True"}


class Looking:
    """One person, before the pages of the stage."""

    def __init__(self, stage: Stage, name: str = "root", language: str = "en") -> None:
        self.name = name or "a stranger"
        self.person: Any = stage.people.get(name)
        self.client: Any = Client(headers={"accept-language": language})
        self.client.cookies = copy(stage.cookies.get(name, self.client.cookies))
        self._seen: dict[Any, Page] = stage.shown[name, language]

    def at(self, address: str, begin: str = "main") -> Page:
        """Return what a page shows while the stage is as it was made."""
        if (address, begin) not in self._seen:
            self._seen[address, begin] = self.now(address, begin)
        return self._seen[address, begin]

    def now(self, address: str, begin: str = "main") -> Page:
        """Return what a page shows after something has changed."""
        answer = self.client.get(address)
        self.client.cookies.pop("messages", None)
        return page_of_answer(answer, begin)

    def home(self) -> tuple[Page, Page]:
        """Return what the home page and its side bar show."""
        answer = self.client.get(HOME)
        side_bar = page_of_answer(answer, "nav-sidebar").lines
        ends = [place for place, line in enumerate(side_bar) if line.endswith("@example.com")]
        return page_of_answer(answer), Page([], side_bar[: ends[0] + 1])

    def listed(self, model: type[Model], query: str = "") -> Any:
        """Return what a list finds, without making its page."""
        request = RequestFactory().get(f"{list_of(model)}?{query}")
        request.user, request.resolver_match = self.person, resolve(request.path)
        model_admin: Any = admin.site._registry[model]
        with seen_by(request):
            return model_admin.get_changelist_instance(request)

    def rows_at(self, model: type[Model], query: str) -> str:
        """Return the numbers of the rows that a list shows, in their order."""
        try:
            rows = self.listed(model, query).result_list
        except (IncorrectLookupParameters, WrongValue):
            return "no such list"
        return " ".join(str(row.pk) for row in rows) or "none"

    def presses(self, told: Telling, address: str, shows: str = "", **sent: Any) -> None:
        """Tell what a person is told who sends a form, and how a page is changed then; and undo it."""
        before = self.at(shows) if shows else Page([], [])
        go_on_numbering()
        random.seed(4711)
        with transaction.atomic():
            answer = self.client.post(address, sent)
            name = f"{self.name} sends {short(address)} {sent}"
            if answer.status_code == 302:
                told.heading(name)
                told.says(f"302 {short(answer.headers['Location'])}")
                told.says(*(f"told: {short(str(each))}" for each in get_messages(answer.wsgi_request)))  # fmt: skip
                if shows:
                    told.changes(timeless(self.now(shows), before), before)
            else:
                told.shows(name, timeless(page_of_answer(answer, "dialog"), before), short(address))  # fmt: skip
            transaction.set_rollback(True)
        self.client.cookies.pop("messages", None)


def timeless(page: Page, before: Page) -> Page:
    """Return a page without how long those answers took that came just now."""
    took = re.compile(r"It took \d+ ms")
    known = set(took.findall("\n".join(before.lines)))

    def told(found: re.Match[str]) -> str:
        return found[0] if found[0] in known else "It took some ms"

    return Page(page.frame, [took.sub(told, line) for line in page.lines])


def short(address: str) -> str:
    return address.replace("/admin/workflows_app/", "~/")
