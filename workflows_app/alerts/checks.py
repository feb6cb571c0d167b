"""System checks of the alerts: which channel is set up wrongly, without its address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register

from workflows_app.alerts.channels import can_send_to_channels, problem_of
from workflows_app.alerts.settings import alert_settings
from workflows_app.errors import SettingsError


@register()
def check_alerts(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """E030: `WORKFLOWS["alerts"]` is wrong. E031: a channel's address. E032: apprise is missing."""
    try:
        found = alert_settings()
    except SettingsError as error:
        hint = "Correct the WORKFLOWS setting. docs/install.md has its keys."
        return [Error(str(error), hint=hint, id="workflows_app.E030")]
    messages: list[CheckMessage] = [
        Error(
            f"The channel '{name}' of alerts can't be used: {problem}.",
            hint="Correct WORKFLOWS['alerts']['channels']. docs/install.md has examples.",
            id="workflows_app.E031",
        )
        for name, address in sorted(found.channels.items())
        if (problem := problem_of(address))
    ]
    if found.channels and not can_send_to_channels():
        messages.append(
            Error(
                "Alerts have channels, and nothing that sends to them: 'apprise' is not installed.",
                hint="Install 'workflow-operations[alerts]'.",
                id="workflows_app.E032",
            )
        )
    return messages
