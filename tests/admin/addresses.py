"""Where the console's pages are, and what a page answered."""

from __future__ import annotations

import html
import re
from typing import Any

from django.contrib.messages import get_messages
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from workflows_app.models import (
    AccountChange,
    Alert,
    Breaker,
    Event,
    Handler,
    Input,
    Mutation,
    OperatorAction,
    Run,
    Topic,
    Workflow,
    WorkflowVersion,
)

#: All that the console shows of the project itself.
SHOWN: list[type[Model]] = [
    AccountChange,
    Alert,
    Breaker,
    Event,
    Handler,
    Input,
    Mutation,
    OperatorAction,
    Run,
    Topic,
    Workflow,
    WorkflowVersion,
]
#: And of the queue, to superusers.
SHOWN_TO_SUPERUSERS: list[type[Model]] = [*SHOWN, ProcrastinateJob]
WITH_HISTORY: list[type[Any]] = [Breaker, Event, Mutation, Run, Workflow, WorkflowVersion]

HOME = "/admin/"


def list_of(model: type[Model]) -> str:
    options = model._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_changelist")


def page_of(row: Model, page: str = "change") -> str:
    options = row._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_{page}", args=[row.pk])


def history_of(row: Model) -> str:
    return page_of(row, "history")


def old_versions_of(row: Any) -> list[str]:
    """Return the addresses of all old versions of a row, oldest first."""
    options = row._meta
    name = f"admin:{options.app_label}_{options.model_name}_simple_history"
    records = row.history.order_by("history_id")
    return [reverse(name, args=[row.pk, record.pk]) for record in records]


def one_of_each(models: list[type[Model]]) -> list[Model]:
    """Return the oldest row of each model; a test that asks needs one of each."""
    rows = [model._default_manager.order_by("pk").first() for model in models]
    missing = [model.__name__ for model, row in zip(models, rows, strict=True) if row is None]
    assert missing == []
    return [row for row in rows if row is not None]


def text_of(client: Client, address: str, *, status: int = 200) -> str:
    """Return what a person reads on a page: without marks, with single spaces."""
    response = client.get(address)
    assert response.status_code == status
    return text_of_answer(response)


def text_of_answer(response: Any) -> str:
    return text_of_html(response.content.decode().split('id="main"')[-1])


def text_of_html(part: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", part)).split())


def told(response: Any) -> list[str]:
    """Return the messages that the person is shown next."""
    return [str(message) for message in get_messages(response.wsgi_request)]


def opened(client: Client, name: str, row: Any) -> str:
    """Return the dialog of a button, as its page."""
    return client.get(page_of(row, name)).content.decode()
