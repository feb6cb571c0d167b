"""The buttons of a workflow: what they do, and to whom they are shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from tests.admin.addresses import page_of, text_of, told
from tests.conftest import logged_in
from tests.scenes import Scene
from workflows_app.models import Event, Handler, OperatorAction, Run, Workflow

pytestmark = pytest.mark.django_db

BUTTONS = ["pause_workflow", "resume_workflow", "run_producers_now"]
DONE = {
    "pause_workflow": "Pause: no new run will start.",
    "resume_workflow": "Resume: runs start again.",
    "run_producers_now": "Run now: all producers are due.",
}


@pytest.fixture
def play(scene: Callable[..., Any]) -> Scene:
    play: Scene = scene("applied", "lost")
    return play


@pytest.fixture
def workflow(play: Scene) -> Workflow:
    """A workflow that has nothing to do for an hour."""
    play.run_host()
    return play.workflow


def press(
    client: Client, name: str, workflow: Workflow, reason: str = "A test", **extra: Any
) -> Any:
    data = {"_form_submitted": "True", "reason": reason}
    return client.post(page_of(workflow, name), data, **extra)


def shown(client: Client, workflow: Workflow) -> list[str]:
    page = client.get(page_of(workflow)).content.decode()
    return [name for name in BUTTONS if page_of(workflow, name) in page]


def test_pause_and_resume_take_turns(
    play: Scene, workflow: Workflow, operator: Client, operator_user: User
) -> None:
    assert shown(operator, workflow) == ["pause_workflow", "run_producers_now"]

    assert (
        told(press(operator, "pause_workflow", workflow, "Wrong price"))[-1]
        == (DONE["pause_workflow"])
    )
    assert shown(operator, workflow) == ["resume_workflow"]
    event = play.publish()
    play.run_host()
    assert Event.objects.get(pk=event.pk).status == "pending"
    assert "Pause by olga" in text_of(operator, page_of(workflow))

    assert (
        told(press(operator, "resume_workflow", workflow, "Corrected"))[-1]
        == (DONE["resume_workflow"])
    )
    play.run_host()
    assert Event.objects.get(pk=event.pk).status == "consumed"
    actions = OperatorAction.objects.order_by("pk")
    assert list(actions.values_list("operation", "actor", "reason", "workflow", "run")) == [
        ("pause_workflow", operator_user.pk, "Wrong price", workflow.pk, None),
        ("resume_workflow", operator_user.pk, "Corrected", workflow.pk, None),
    ]


def test_run_now_makes_the_producers_due(play: Scene, workflow: Workflow, operator: Client) -> None:
    later = Handler.objects.get(kind="producer").wake_at
    assert later is not None
    assert later > timezone.now() + timedelta(minutes=50)

    assert told(press(operator, "run_producers_now", workflow)) == [DONE["run_producers_now"]]

    due = Handler.objects.get(kind="producer").wake_at
    assert due is not None
    assert due <= timezone.now()
    play.run_host()
    assert Handler.objects.get(kind="producer").state == {"polls": 2}


def test_producers_can_run_now_while_another_lane_is_blocked(
    play: Scene, workflow: Workflow, operator: Client
) -> None:
    play.happens("41")
    blocked = play.happens("42")
    assert blocked.status == "blocked"
    assert shown(operator, workflow) == ["pause_workflow", "run_producers_now"]
    assert told(press(operator, "run_producers_now", workflow)) == [
        "Run now: all producers are due."
    ]
    assert "Status Active, blocked" in text_of(operator, page_of(workflow))
    # Those of other versions of the code are no producers any more.
    workflow.handlers.filter(kind="producer").update(is_current=False)
    assert shown(operator, workflow) == ["pause_workflow"]
    # Resuming never unblocks.
    press(operator, "pause_workflow", workflow)
    press(operator, "resume_workflow", workflow)
    assert Run.objects.get(pk=blocked.pk).status == "blocked"


@pytest.mark.parametrize(
    ("codename", "buttons"),
    [("pause_workflow", ["pause_workflow"]), ("run_producers", ["run_producers_now"])],
)
def test_each_permission_shows_its_own_buttons(
    workflow: Workflow, codename: str, buttons: list[str]
) -> None:
    person = User.objects.create_user("eve", is_staff=True)
    client = logged_in(person)
    person.user_permissions.add(Permission.objects.get(codename=codename))
    assert press(client, buttons[0], workflow).status_code == 403

    person.user_permissions.add(Permission.objects.get(codename="view_workflow"))
    assert shown(client, workflow) == buttons
    assert told(press(client, buttons[0], workflow)) == [DONE[buttons[0]]]
