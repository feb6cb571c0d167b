"""System checks of the alerts: which channel is set up wrongly, without its address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from workflows_app.alerts.channels import can_send_to_channels, problem_of
from workflows_app.alerts.settings import AlertSettings, alert_settings
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


#: From where to where a value makes sense, and what follows outside.
_SENSIBLE: dict[str, tuple[float, float, str, str]] = {
    "gather_seconds": (1, 3_600, "people are flooded", "people are told when it is too late"),
    "repeat_seconds": (
        60,
        604_800,
        "people are flooded",
        "what one person missed is not told again",
    ),
    "send_seconds": (
        1,
        300,
        "most messages fail",
        "a place that hangs holds up all that is told there",
    ),
}


@register(deploy=True)
def check_times(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W031: a time of `WORKFLOWS["alerts"]` can be used, and does harm."""
    try:
        found = alert_settings()
    except SettingsError:
        return []
    messages: list[CheckMessage] = []
    for name, (least, most, below, above) in _SENSIBLE.items():
        seconds = getattr(found, name)
        if least <= seconds <= most:
            continue
        messages.append(
            Warning(
                f"WORKFLOWS['alerts']['{name}'] is {seconds:,.10g}: {below if seconds < least else above}.",
                hint=f"Leave it out ({getattr(AlertSettings, name):,.10g}), or choose from {least:,.10g} to"
                f" {most:,.10g}.",
                id="workflows_app.W031",
            )
        )
    return messages


#: Where Django's own backends leave mails that go to nobody.
_NOWHERE = {
    "console": "written to the standard output of the worker",
    "dummy": "thrown away",
    "filebased": "written into files",
    "locmem": "kept in the memory of the worker",
}


@register(deploy=True)
def check_mail(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """W032: alerts are on, and e-mails reach nobody."""
    package, _dot, name = str(settings.EMAIL_BACKEND).removesuffix(".EmailBackend").rpartition(".")
    if package != "django.core.mail.backends" or name not in _NOWHERE:
        return []
    try:
        if not alert_settings().are_on:
            return []
    except SettingsError:
        return []
    return [
        Warning(
            f"Alerts by e-mail count as sent and reach nobody: they are {_NOWHERE[name]}.",
            hint="Set EMAIL_BACKEND and EMAIL_HOST; in this project's own settings by EMAIL_URL.",
            id="workflows_app.W032",
        )
    ]
