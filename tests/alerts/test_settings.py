"""The settings of alerts: what is wrong is named, and no address is quoted."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from pytest_django import Settings

from workflows_app.alerts.checks import check_alerts
from workflows_app.alerts.settings import alert_settings

BASE = "https://ops.example.com"


def told(settings: Settings, alerts: Any) -> list[tuple[str | None, str]]:
    settings.WORKFLOWS = {"alerts": alerts}
    return [(message.id, message.msg) for message in check_alerts(None)]


def test_settings_that_can_be_used_have_nothing_to_say(settings: Settings) -> None:
    channels = {
        "mail": "mailtos://ops:s3cret@mail.example.com?to=ops@example.com",
        "hook": "jsons://hooks.example.com/s3cret",
        "chat": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops",
    }
    assert told(settings, {}) == []
    unset = alert_settings()
    assert (unset.gather_seconds, unset.repeat_seconds, unset.send_seconds) == (60, 1800, 30)
    assert told(settings, {"base_url": BASE, "channels": channels, "default": ["chat"]}) == []
    settings.WORKFLOWS = {"alerts": {"oldest_pending_seconds": {"pay": 60, "p*": 30, "x": 5}}}
    assert alert_settings().pending_limit("pay") == 30
    assert alert_settings().pending_limit("send") is None
    routes = {"pay*": ["mail", "hook"], "*-de": ["hook", "chat"]}
    settings.WORKFLOWS = {
        "alerts": {
            "base_url": BASE,
            "channels": {**channels, "rest": channels["hook"]},
            "routes": routes,
            "default": ["rest"],
        }
    }
    slugs = ("pay-de", "pay", "send")
    assert [alert_settings().channels_of(slug) for slug in slugs] == [
        ["mail", "hook", "chat"],
        ["mail", "hook"],
        ["rest"],
    ]


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("s3cret", "it is no address of apprise, as in 'mailto://' or 'json://'"),
        ("syslog://s3cret", "its scheme is none of those for mail, chat and webhooks that may be used here"),
        ("slack://s3cret", "apprise can't read what follows 'slack://'"),
    ],
)  # fmt: skip
def test_a_channel_that_can_t_be_used_is_named_without_its_address(
    settings: Settings, address: str, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    alerts = {"base_url": BASE, "channels": {"bad": address}}
    assert told(settings, alerts) == [
        ("workflows_app.E031", f"The channel 'bad' of alerts can't be used: {problem}.")
    ]
    assert "workflows_app.E031" in {message.id for message in run_checks()}
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("alerts", "problem"),
    [
        ([], " must be a dict."),
        ({"chanels": {}}, " has no key 'chanels'. It has: base_url, channels, routes,"),
        ({"base_url": 5}, "['base_url'] must be an address, as a text."),
        ({"base_url": "ops.example.com"}, "['base_url'] must be an address like"),
        ({"channels": {"a": "json://s3cret"}}, "['base_url'] must say where the console is"),
        ({"base_url": BASE, "channels": {"a": 5}}, "['channels']['a'] must be an address, as a text."),
        ({"base_url": BASE, "channels": ["json://s3cret"]}, "['channels'] must be a dict"),
        ({"base_url": BASE, "default": "a"}, "['default'] must be a list of the names of channels."),
        ({"base_url": BASE, "routes": {"a": [], "pay": ["b"]}}, "['routes']['pay'] names 'b', which is no channel."),
        ({"oldest_pending_seconds": {"*": 0}}, "['oldest_pending_seconds']['*'] must be a number above 0, not 0."),
        ({"repeat_seconds": True}, "['repeat_seconds'] must be a number above 0, not True."),
    ],
)  # fmt: skip
def test_what_is_written_wrongly_is_named(settings: Settings, alerts: Any, problem: str) -> None:
    ((id, message),) = told(settings, alerts)
    assert id == "workflows_app.E030"
    assert message.startswith(f"WORKFLOWS['alerts']{problem}")
    assert "s3cret" not in message
