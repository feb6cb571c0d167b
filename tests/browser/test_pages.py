"""Every kind of page, on a narrow screen in the dark: nothing out of sight, no complaint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.admin.addresses import (
    HOME,
    SHOWN,
    WITH_HISTORY,
    history_of,
    list_of,
    old_versions_of,
    one_of_each,
    page_of,
)
from tests.admin.rows import add_alert
from tests.browser.tab import Tab
from workflows_app.operations import skip_event

LONG = "w" * 180


@pytest.mark.parametrize(
    ("width", "dark"), [(390, True), pytest.param(1280, False, marks=pytest.mark.long)]
)
def test_no_page_complains_or_is_wider_than_the_screen(
    olga: User,
    scene: Callable[..., Any],
    browse: Callable[..., Tab],
    width: int,
    dark: bool,
) -> None:
    play = scene("lost")
    play.happens(LONG, {"long": LONG, "to": ["ACME", {"deep": LONG}]})
    skip_event(play.publish("2"), actor=olga, reason=LONG)
    add_alert(play.workflow, subject=LONG, body=LONG, problem=LONG)
    rows = one_of_each(SHOWN)
    pages = [HOME, *map(list_of, SHOWN), *map(page_of, rows)]
    for row in rows:
        if type(row) in WITH_HISTORY:
            pages += [history_of(row), old_versions_of(row)[-1]]
    tab = browse(width=width, dark=dark)

    widths = {}
    for page in pages:
        tab.open(page)
        widths[page] = tab.width()

    assert {page: found for page, found in widths.items() if found > width} == {}
