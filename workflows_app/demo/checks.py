"""The demo's own system check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E001: the demo is installed where real work is done."""
    return [
        Error(
            "The demo is installed: its workflows would pay invoices at a bank that is none.",
            hint="Leave WORKFLOWS_DEMO out, and 'workflows_app.demo' of INSTALLED_APPS.",
            id="workflows_demo.E001",
        )
    ]
