"""What comes from outside is shown as text, wherever it is shown: no page runs it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from tests.admin.addresses import (
    HOME,
    SHOWN,
    WITH_HISTORY,
    history_of,
    list_of,
    old_versions_of,
    page_of,
)
from tests.scenes import Scene, workflow_with
from workflows_app.models import Breaker, Event, Evidence, Mutation, Run
from workflows_app.operations import it_didnt_happen, pause_workflow, skip_event
from workflows_app.publishing import publish, register_input
from workflows_app.testing import ReconcilableScriptedMutator, registered, scripted

pytestmark = pytest.mark.django_db

EVIL = """<script>alert("x")</script><img src=x onerror='alert(1)'>"""


class EvilMutator(ReconcilableScriptedMutator):
    """Everything that an outside system may say, it says in HTML."""

    name = "scripted"

    def execute(self, params: Any, *, idempotency_key: str) -> Any:
        raise TimeoutError(EVIL)

    def reconcile(self, params: Any, *, idempotency_key: str) -> Any:
        raise TimeoutError(EVIL)

    def target(self, params: Any) -> str:
        return EVIL

    def verification_steps(self, params: Any) -> str:
        return EVIL


@pytest.fixture
def scenes(operator_user: User) -> Iterator[dict[str, Scene]]:
    """A blocked run and a rejected one, with HTML in every word that is not the project's."""
    evil = type("Evil", (EvilMutator,), {})
    polite = scripted("applied", "rejected")
    with ExitStack() as stack:
        stack.enter_context(registered(workflow_with(evil, "evil")))
        stack.enter_context(registered(workflow_with(polite, "polite")))
        scenes = {"evil": Scene(evil, "evil"), "polite": Scene(polite, "polite")}
        for slug, scene in scenes.items():
            for number in range(2):
                _publish_evil(slug, f"{number}{EVIL}")
            for day in range(5):
                scene.run_host(timezone.now() + timedelta(days=day))
        yield scenes


def _publish_evil(slug: str, message_id: str) -> Event:
    cause = register_input(
        workflow=slug, source=EVIL, type=EVIL, external_id=message_id, title=EVIL
    )
    return publish(
        workflow=slug,
        topic="invoice.received",
        message_id=message_id,
        payload={EVIL: [EVIL]},
        input=cause,
    )


def decide_evilly(scenes: dict[str, Scene], person: User) -> None:
    """Leave decisions, failures and contradictions in HTML too."""
    person.first_name = person.username = EVIL
    person.save()
    evil, polite = scenes["evil"].workflow, scenes["polite"].workflow
    for workflow in (evil, polite):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE workflows_app_workflow SET title = %s WHERE id = %s", [EVIL, workflow.pk]
            )
            cursor.execute("UPDATE workflows_app_lanestate SET state = %s", [f'"{"<script>"}"'])
    for mutation in Mutation.objects.all():
        Evidence.objects.create(
            mutation=mutation, kind="late", verdict="applied", detail=EVIL, contradicts=True
        )
    pending = Event.objects.filter(topic__workflow=evil, status="pending").order_by("pk")
    skip_event(pending[0], actor=person, reason=EVIL)
    pause_workflow(polite, actor=person, reason=EVIL)


def every_page() -> list[str]:
    pages = [HOME, f"{list_of(Run)}?q=%3Cscript%3Ealert(%22x%22)%3C/script%3E"]
    for model in SHOWN:
        pages.append(list_of(model))
        for row in one_of_each_kind(model):
            pages.append(page_of(row))
            if model in WITH_HISTORY:
                pages += [history_of(row), old_versions_of(row)[-1]]
    blocked, failed = (Run.objects.get(status=status) for status in ("blocked", "failed"))
    pages += [page_of(blocked, name) for name in ("try_again", "it_happened", "it_didnt_happen", "skip_run")]  # fmt: skip
    pages += [page_of(failed, name) for name in ("retry_failed_run", "skip_events_of_run")]
    pages.append(page_of(Event.objects.earliest("pk"), "skip_event"))
    return pages


def one_of_each_kind(model: type[Any]) -> Iterable[Any]:
    """Return a row of each status that there is; the last two of what has none."""
    rows = model._default_manager.all()
    if "status" not in {field.name for field in model._meta.fields}:
        return rows.order_by("-pk")[:2]
    return rows.order_by("status", "-pk").distinct("status")


def test_no_page_shows_what_comes_from_outside_as_html(
    scenes: dict[str, Scene], operator_user: User, operator: Client
) -> None:
    statuses = list(Run.objects.filter(title__contains="script").values_list("status", flat=True))
    assert sorted(statuses) == ["blocked", "committed", "failed"]
    decide_evilly(scenes, operator_user)
    pages = {page: operator.get(page) for page in every_page()}

    assert {page for page, answer in pages.items() if answer.status_code != 200} == set()
    texts = {page: answer.content.decode() for page, answer in pages.items()}
    for part in ("<script>alert", "<img src=x", "onerror='alert"):
        assert {page for page, text in texts.items() if part in text} == set()
    # It is there, as text: the check above looks at pages that have something to escape.
    shown = {page for page, text in texts.items() if escape("<script>") in text}
    assert set(texts) - shown <= {list_of(model) for model in SHOWN} | pages_of_breakers()


def pages_of_breakers() -> set[str]:
    """Return the pages that say nothing but what is the project's."""
    breakers = Breaker.objects.all()
    return {
        address
        for breaker in breakers
        for address in (page_of(breaker), history_of(breaker), *old_versions_of(breaker))
    }


def test_what_a_person_is_told_sent_back_or_shown_of_many_is_text(
    scenes: dict[str, Scene], operator_user: User, operator: Client
) -> None:
    run = Run.objects.get(status="blocked")
    dialog, many = {"_form_submitted": "True", "reason": EVIL}, list(Run.objects.values_list("pk", flat=True))  # fmt: skip
    back = operator.post(page_of(run, "skip_run"), {**dialog, "reason": f"{EVIL}\x00"})
    assert "Null characters are not allowed." in back.content.decode()
    bulk = {"action": "bulk_skip_run", "_selected_action": many}
    previews = [
        operator.post(list_of(Run), {**bulk, "action": f"bulk_{name}"})
        for name in ("it_didnt_happen", "skip_run", "try_again")
    ]
    it_didnt_happen(run, actor=operator_user, reason=EVIL)
    one = operator.post(page_of(run, "skip_run"), dialog, follow=True)
    bulk |= {"_selected_action": [run.pk], "confirmed": "yes", "reason": EVIL}
    refused = [one, operator.post(list_of(Run), bulk, follow=True)]
    assert ["is not blocked" in answer.content.decode() for answer in refused] == [True] * 2
    for answer in (back, *previews, *refused):
        page = answer.content.decode()
        assert (escape("<script>alert") in page, "<script>alert" in page) == (True, False)
