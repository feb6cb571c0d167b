"""The settings of alerts: what is wrong is named, and no address is quoted."""

from __future__ import annotations

from typing import Any

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
