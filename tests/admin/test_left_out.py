"""What stands where somebody has no e-mail, or nobody did it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests.admin.addresses import list_of, page_of, text_of
from tests.alerts.conftest import BASE_URL
from workflows_app.models import (
    AccountChange,
    AlertChoice,
)

pytestmark = pytest.mark.django_db


def test_who_has_no_mail_and_what_nobody_did_is_said(
    viewer: Client, viewer_user: User, settings: Any
) -> None:
    settings.WORKFLOWS = {"alerts": {"base_url": BASE_URL}}
    change = AccountChange.objects.filter(about="viktor").latest("pk")
    assert "By no person: a command, or code" in text_of(viewer, page_of(change)).replace(
        ": no", " no"
    )
    AlertChoice.objects.create(person=viewer_user)
    AlertChoice.objects.create(person=viewer_user, channel="gone")
    text = text_of(viewer, list_of(AlertChoice))
    assert "All workflows your account has no e-mail: nowhere " in text
    assert "All workflows gone: there is no such channel any more " in text
    viewer_user.groups.clear()
    # That the oldest event waits is all that they may be told of.
    may = Permission.objects.filter(codename__in=["view_event", "view_workflow"])
    viewer_user.user_permissions.set(may)
    AlertChoice.objects.update(oldest_pending=False)
    assert text_of(viewer, list_of(AlertChoice)).count("nothing that you may see") == 2
