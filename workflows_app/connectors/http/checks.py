"""The connector's system check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from workflows_app.secrets import names_of_short_ones, too_short


@register()
def check_secrets(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E022: a secret is too short; no call that needs it will be sent."""
    return [
        Error(
            f"T{too_short(name)[1:]}; no call that needs it is sent.",
            hint="Set it to the whole value that the outside system has issued.",
            id="workflows_app.E022",
        )
        for name in names_of_short_ones()
    ]
