"""What the system checks say of each wrong setting: number, sentence and remedy, whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import CheckMessage, run_checks
from django.test import override_settings
from syrupy.assertion import SnapshotAssertion

from tests.unit.declarations import consumer, mutator, workflow
from workflows_app import registry
from workflows_app.alerts.checks import check_alerts, check_mail, check_times
from workflows_app.checks import (
    check_declared,
    check_mutators,
    check_policies,
    check_secret_names,
    check_settings,
    check_unaskable,
)
from workflows_app.conf import Policy
from workflows_app.connectors.http.checks import check_secrets
from workflows_app.demo.checks import check_deployment
from workflows_app.login.checks import MIDDLEWARE, check_login
from workflows_app.policy_checks import check_policy
from workflows_app.secrets import Secret
from workflows_app.security_checks import GUARD, HEALTH, SESSION_AGE, check_hosts, check_security

BASE = "https://ops.example.com"
HOOK = "json://hooks.example.com/s3cret"
COMPANY = {
    "provider_id": "company",
    "name": "the company",
    "client_id": "c",
    "secret": "s",
    "settings": {"server_url": "https://login.example.com", "groups": {"ops": "Operators"}},
}

POLICIES: list[Any] = [
    {},
    None,
    [("peek_limit", 5)],
    "peek_limit=5",
    {"peek_limits": 5, "peek_limit": 5},
    {"zz": 1, 5: 1},
    {"peek_limit": "5"},
    {"peek_limit": None},
    {"peek_limit": True},
    {"peek_limit": 1.0},
    {"peek_limit": 0},
    {"peek_limit": -1},
    {"lease_seconds": "5"},
    {"lease_seconds": False},
    {"lease_seconds": timedelta(1)},
    {"lease_seconds": float("nan")},
    {"lease_seconds": float("inf")},
    {"lease_seconds": 0.0},
    {"lease_seconds": -0.5},
    {"lease_seconds": 1e9},
    {"lease_seconds": 1e300},
    {"second_factor_to_decide": "yes"},
    {"second_factor_to_decide": 1},
    {"second_factor_to_decide": True},
    {"backoff_initial_seconds": 5.1, "backoff_max_seconds": 5},
    {"backoff_initial_seconds": 5, "backoff_max_seconds": 5},
    {"wake_min_seconds": 5.1, "wake_max_seconds": 5},
    {"wake_min_seconds": 5, "wake_max_seconds": 5},
    {"heartbeat_seconds": 5.1, "stalled_after_seconds": 5},
    {"heartbeat_seconds": 5, "stalled_after_seconds": 5},
    {"pages_at_once": -1},
]
#: What can be used, and does harm; of each the first that does, and the last that does not.
HARMFUL: list[Any] = [
    {"peek_limit": 0},
    {"lease_seconds": 4.9, "peek_limit": 10_001, "web_statement_seconds": 0.5},
    {"lease_seconds": 5, "peek_limit": 10_000, "web_statement_seconds": 0},
    {"heartbeat_seconds": 16, "session_idle_seconds": 60, "proxies_in_front": 10},
    {"heartbeat_seconds": 15, "session_idle_seconds": 0, "proxies_in_front": 9},
    {"backoff_initial_seconds": 0},
    {name: 0.5 for name in vars(Policy()) if name.endswith("_seconds")},
    {name: 10**8 for name, usual in vars(Policy()).items() if not isinstance(usual, bool)},
]
ALERTS: list[Any] = [
    {},
    [],
    {"chanels": {}},
    {"base_url": 5},
    {"base_url": "ops.example.com"},
    {"base_url": "ftp://ops.example.com"},
    {"base_url": "https://"},
    {"base_url": "https://[ops.example.com"},
    {"base_url": f"{BASE}?a=b"},
    {"base_url": f"{BASE}#a"},
    {"base_url": f" {BASE}"},
    {"base_url": f"{BASE}/console/"},
    {"channels": {"a": HOOK}},
    {"base_url": BASE, "channels": {"a": 5}},
    {"base_url": BASE, "channels": {"a" * 100: HOOK}},
    {"base_url": BASE, "channels": {"a" * 101: HOOK}},
    {"base_url": BASE, "channels": [HOOK]},
    {"base_url": BASE, "channels": {"": HOOK}},
    {"base_url": BASE, "channels": {5: HOOK}},
    {"base_url": BASE, "default": "a"},
    {"base_url": BASE, "default": ("b",)},
    {"base_url": BASE, "routes": {"a": [], "pay": ["b"]}},
    {"base_url": BASE, "routes": {"pay": "b"}},
    {"base_url": BASE, "routes": ["b"]},
    {"oldest_pending_seconds": {"*": 0}},
    {"oldest_pending_seconds": {"*": 0.5}},
    {"oldest_pending_seconds": 5},
    {"gather_seconds": -1},
    {"repeat_seconds": True},
    {"send_seconds": float("inf")},
    {"send_seconds": "5"},
    {"send_seconds": 10**309},
    {"base_url": BASE, "channels": {"bad": "s3cret"}},
    {"base_url": BASE, "channels": {"bad": "syslog://s3cret", "alike": "JSON://s3cret"}},
    {"base_url": BASE, "channels": {"bad": "slack://s3cret", "worse": "s3cret", "good": HOOK}},
    {"base_url": BASE, "channels": {"good": HOOK}, "default": ["good"], "routes": {"*": ["good"]}},
]
HARMFUL_ALERTS: list[Any] = [
    {"gather_seconds": 1, "repeat_seconds": 60, "send_seconds": 1},
    {"gather_seconds": 0.9, "repeat_seconds": 59, "send_seconds": 0.9},
    {"gather_seconds": 3_601, "repeat_seconds": 604_801, "send_seconds": 301},
    {"gather_seconds": -1},
]
BACKENDS = [
    *(f"django.core.mail.backends.{name}.EmailBackend" for name in ("console", "locmem", "smtp")),
    "shop.console.EmailBackend",
]
DECIDERS: list[Any] = [
    {},
    {"invoices-*": ["Clerks"], "pay": ("Clerks", "Boards")},
    [],
    {"pay": "Clerks"},
    {"pay": []},
    {"pay": [1]},
    {1: ["Clerks"]},
    {"": ["Clerks"]},
    {"invoices-* ": ["Clerks"]},
    {"pay": ["Clerks", " Boards"]},
]
PROVIDERS: list[Any] = [
    {},
    *({missing: ""} for missing in ("provider_id", "name", "client_id", "secret")),
    {"settings": {}},
    {"settings": 5},
    {"settings": {"server_url": "x", "groups": ["ops"]}},
    {"settings": {"server_url": "x", "groups": {"ops": 5}}},
    {"secret": "", "settings": {"groups": []}},
    {"settings": {"server_url": "x", "email_authentication": "false", "asks_for_second_factor": 0}},
]
CACHE = "django.core.cache.backends"


def without(middleware: str) -> list[str]:
    return [each for each in settings.MIDDLEWARE if each != middleware]


def told(what: object, messages: list[CheckMessage]) -> str:
    lines = [f"# {what}"]
    for message in messages:
        lines += [
            f"{type(message).__name__} {message.id}: {message.msg}",
            f"  hint: {message.hint}",
        ]
    return "\n".join(lines if messages else [*lines, "nothing"]) + "\n"


def of_settings(check: Callable[..., Any], name: str, values: list[Any]) -> Iterator[str]:
    for value in values:
        with override_settings(**{name: value}):
            yield told(f"{name} = {value!r}", check(None))


def test_what_is_said_of_policies(kept: SnapshotAssertion) -> None:
    lines = [*of_settings(check_settings, "WORKFLOWS", POLICIES)]
    defaults = Policy()
    zero = [name for name in vars(defaults) if _may_be_zero(name)]
    lines += of_settings(check_policy, "WORKFLOWS", HARMFUL)
    lines += [f"# may be 0\n{', '.join(zero)}\n", f"# without a word\n{defaults}\n"]
    assert "\n".join(lines) == kept(name="policies")


def _may_be_zero(name: str) -> bool:
    with override_settings(WORKFLOWS={name: 0}):
        return not check_settings(None)


def test_what_is_said_of_alerts(kept: SnapshotAssertion) -> None:
    values = [{"alerts": alerts} for alerts in ALERTS]
    lines = [*of_settings(check_alerts, "WORKFLOWS", values)]
    harmful = [{"alerts": alerts} for alerts in HARMFUL_ALERTS]
    lines += of_settings(check_times, "WORKFLOWS", harmful)
    with override_settings(WORKFLOWS={"alerts": {"base_url": BASE}}):
        lines += of_settings(check_mail, "EMAIL_BACKEND", BACKENDS)
    with override_settings(EMAIL_BACKEND=BACKENDS[0]):
        lines += of_settings(check_mail, "WORKFLOWS", [{}, {"alerts": []}])
    assert "\n".join(lines) == kept(name="alerts")
    assert not any("s3cret" in line for line in "".join(lines).splitlines() if line[0] != "#")


def test_what_is_said_of_what_keeps_the_console_safe(kept: SnapshotAssertion) -> None:
    middleware = [without(GUARD), without(SESSION_AGE), without(MIDDLEWARE)]
    lines = [*of_settings(check_security, "WORKFLOWS_DECIDERS", DECIDERS)]
    for left in middleware:
        with override_settings(MIDDLEWARE=left):
            missing = {*settings.MIDDLEWARE, GUARD, SESSION_AGE, MIDDLEWARE} - {*left}
            lines.append(told(f"without {missing}", [*check_security(None), *check_login(None)]))
    lines += of_settings(check_security, "MIDDLEWARE", [[*without(HEALTH), HEALTH]])
    lines += of_settings(check_hosts, "ALLOWED_HOSTS", [[".example.com"], ["a.example", "*"]])
    assert "\n".join(lines) == kept(name="security")


def test_what_is_said_of_the_login(kept: SnapshotAssertion) -> None:
    lines = []
    for name in ("ACCOUNT_ADAPTER", "SOCIALACCOUNT_ADAPTER", "MFA_ADAPTER", "LOGIN_URL"):
        lines += of_settings(check_login, name, [None])
    lines += of_settings(check_login, "ACCOUNT_EMAIL_VERIFICATION", [None, "optional"])
    lines += of_settings(check_login, "MFA_ALLOW_UNVERIFIED_EMAIL", [False])
    caches = [
        f"{CACHE}.{each}" for each in ("locmem.LocMemCache", "dummy.DummyCache", "db.DatabaseCache")
    ]
    lines += of_settings(check_login, "CACHES", [{"default": {"BACKEND": each}} for each in caches])
    lines += of_settings(check_login, "ROOT_URLCONF", ["workflows_app.urls"])
    providers = [{"openid_connect": {"APPS": [{**COMPANY, **change}]}} for change in PROVIDERS]
    two = [{**COMPANY, "settings": 5}, {**COMPANY, "provider_id": "other", "secret": ""}]
    providers.append({"openid_connect": {"APPS": two}})
    lines += of_settings(check_login, "SOCIALACCOUNT_PROVIDERS", [{}, *providers])
    assert "\n".join(lines) == kept(name="login")


def test_what_is_said_of_secrets_and_the_demo(
    kept: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflows_app.secrets._names", set())
    for name in ("SHORT_TOKEN", "LONG_TOKEN", "ANOTHER_SHORT_TOKEN"):
        Secret(name)
    lines = [told("no values", check_secrets(None))]
    values = {"SHORT_TOKEN": "s" * 7, "LONG_TOKEN": "s" * 8, "ANOTHER_SHORT_TOKEN": "s"}
    with override_settings(**values):
        lines.append(told("two short values", check_secrets(None)))
    lines.append(told("the demo in production", check_deployment(None)))
    assert "\n".join(lines) == kept(name="secrets")


@pytest.fixture
def declared() -> Iterator[None]:
    """The code declares workflows of which each check of the code has something to say, and something not."""

    def mutate(self: Any, prepared: Any) -> Any:
        """Not a name: our_token"""
        return {"iban": 1, "discarded": 2, "lines": [{"cardNumber": 3}], "declared_token": 4}

    asking = {"reconcile": lambda *_, **__: None}
    silent = mutator(name="silent", **asking)
    unread = mutator(name="unread", policy={"crash_retries": 1, "reconcile_attempts": 2})
    right = mutator(name="two", absence_is_proof_after=timedelta(0), **asking)
    flows = [
        workflow(
            consumers=[consumer(mutate=mutate)],
            secret_fields=["bank.declared_token"],
            mutators=[
                silent,
                type("Sub", (silent,), {"name": "sub"}),
                mutator(name="says-0", absence_is_proof_after=timedelta(0), **asking),
                mutator(name="says-5", absence_is_proof_after=timedelta(seconds=5), **asking),
                mutator(name="nobody-asks", result_fields={"secret": "It"}, url="/{password}/x"),
                mutator(name="asks-not", secret_params=["passwd"], lookup_url="/{passwd}"),
                mutator(name="two", declared_wrongly=lambda: ["this one fails"], **asking),
            ],
        ),
        workflow(slug="other", mutators=[silent, mutator(name="nobody-asks"), right, unread]),
    ]
    with registry.override():
        registry.declared.clear()
        registry.declared.update({flow.slug: flow for flow in flows})
        yield


def test_what_is_said_of_the_code(declared: None, kept: SnapshotAssertion) -> None:
    checks = (
        check_unaskable, check_mutators, check_declared, check_policies, check_secret_names,
    )  # fmt: skip
    assert "\n".join(told(check.__name__, check(None)) for check in checks) == kept(name="code")


@pytest.mark.django_db
def test_which_checks_there_are(
    declared: None, kept: SnapshotAssertion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is registered, and those of a deployment are heard there alone."""
    monkeypatch.setattr("workflows_app.secrets._names", {"SHORT_TOKEN"})
    wrong: dict[str, Any] = {"WORKFLOWS": {"peek_limit": 0, "alerts": []}, "WORKFLOWS_DECIDERS": []}
    harmful: dict[str, Any] = {
        "WORKFLOWS": {"poll_seconds": 0.1, "alerts": {"repeat_seconds": 1, "base_url": BASE}},
        "WORKFLOWS_DECIDERS": {"nothing": ["Clerks"]},
    }
    usual, deployed = set(), set()
    for given in (wrong, harmful):
        with override_settings(
            MIDDLEWARE=[],
            ALLOWED_HOSTS=["*"],
            SHORT_TOKEN="s",
            ROOT_URLCONF="workflows_app.urls",
            **given,
        ):
            usual |= {str(m.id) for m in run_checks(databases=["default"])}
            deployed |= {
                str(m.id) for m in run_checks(databases=["default"], include_deployment_checks=True)
            }
    ours = sorted(name for name in deployed if name.startswith("workflows"))
    lines = [f"{name}{'' if name in usual else ', in a deployment'}" for name in ours]
    assert "\n".join(lines) + "\n" == kept(name="all")
