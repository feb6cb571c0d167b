"""What people call the models and their fields, in whatever language.

Django makes English names of the code's own. These stand in for them, and can be translated; no migration has to
know them.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import Model
from django.utils.text import camel_case_to_spaces
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

_MODELS: dict[str, tuple[Any, Any]] = {
    "workflows_app.AccountChange": (_("account change"), _("account changes")),
    "workflows_app.Alert": (_("alert"), _("alerts")),
    "workflows_app.Breaker": (_("circuit breaker"), _("circuit breakers")),
    "workflows_app.Event": (_("event"), _("events")),
    "workflows_app.Evidence": (_("evidence"), _("evidence")),
    "workflows_app.Handler": (_("handler"), _("handlers")),
    "workflows_app.Input": (_("input"), _("inputs")),
    "workflows_app.Mutation": (_("outside effect"), _("outside effects")),
    "workflows_app.OperatorAction": (_("decision"), _("decisions")),
    "workflows_app.Run": (_("run"), _("runs")),
    "workflows_app.Topic": (_("topic"), _("topics")),
    "workflows_app.Workflow": (_("workflow"), _("workflows")),
    "workflows_app.WorkflowVersion": (_("workflow version"), _("workflow versions")),
    "procrastinate.ProcrastinateJob": (_("job"), _("jobs")),
}
#: Names of the code's own for which pages have plain words.
_PLAIN: dict[str, Any] = {
    "actor": _("person"),
    "args": _("arguments"),
    "carried mutation": _("outside effect of an earlier run"),
    "claimed until": _("held by a worker until"),
    "duration ms": _("duration in ms"),
    "failure kind": _("kind of failure"),
    "failure message": _("what went wrong"),
    "failure phase": _("failed while"),
    "fencing token": _("number of the claim"),
    "is current": _("in the active version"),
    "mutation": _("outside effect"),
    "mutator": _("outside system"),
    "next reconcile at": _("asks again at"),
    "operation": _("decision"),
    "owes retry": _("retry still to come"),
    "params": _("parameters"),
    "prepare result": _("what was prepared"),
    "queue name": _("queue"),
    "reconcile attempts": _("times asked"),
    "secret names": _("names of secret values"),
    "slug": _("short name"),
    "source digest": _("fingerprint of the code"),
    "task name": _("task"),
    "unknowns": _("unknown outcomes in a row"),
}
#: What pages show of all other fields.
_FIELDS: tuple[Any, ...] = (
    _("a failed run waits for a person"),
    _("a late answer contradicts the ledger"),
    _("abort requested"),
    _("about"),
    _("active version"),
    _("address"),
    _("an event waits for too long"),
    _("an unknown outcome waits for a decision"),
    _("attempt"),
    _("attempts"),
    _("body"),
    _("channel"),
    _("consumer"),
    _("contradicts"),
    _("created at"),
    _("created by"),
    _("detail"),
    _("earlier crashes"),
    _("earlier failures"),
    _("ended at"),
    _("event"),
    _("evidence seen"),
    _("external id"),
    _("facts"),
    _("failure traceback"),
    _("handler"),
    _("idempotency key"),
    _("kind"),
    _("lane"),
    _("language"),
    _("lock"),
    _("major"),
    _("message id"),
    _("minor"),
    _("name"),
    _("next attempt at"),
    _("no new calls go out"),
    _("note"),
    _("number"),
    _("opened at"),
    _("openings"),
    _("payload"),
    _("person"),
    _("phase"),
    _("priority"),
    _("problem"),
    _("queueing lock"),
    _("reason"),
    _("reserved by"),
    _("resolved at"),
    _("resolved by"),
    _("result"),
    _("retired at"),
    _("retry due at"),
    _("retry of"),
    _("revision"),
    _("run"),
    _("scheduled at"),
    _("sent at"),
    _("session"),
    _("source"),
    _("started at"),
    _("status"),
    _("subject"),
    _("target"),
    _("test asked at"),
    _("test problem"),
    _("test sent at"),
    _("title"),
    _("topic"),
    _("traceback"),
    _("trial at"),
    _("type"),
    _("verdict"),
    _("version"),
    _("what"),
    _("worker"),
    _("workflow"),
)


def code_name(model: type[Model]) -> str:
    """Return what the code calls a model, as "operator action": for those who maintain it."""
    return camel_case_to_spaces(model.__name__)


def name_models() -> None:
    """Give the models of the console, and their fields, names that can be translated."""
    # Whatever language the project has: the code's own names are English.
    with override(None):
        fields = {str(name): name for name in _FIELDS} | _PLAIN
    for label, (one, many) in _MODELS.items():
        model = apps.get_model(label)
        model._meta.verbose_name, model._meta.verbose_name_plural = one, many
    for model in apps.get_models():
        if model._meta.app_label not in ("workflows_app", "procrastinate"):
            continue
        for field in model._meta.fields:
            if isinstance(field.verbose_name, str) and field.verbose_name in fields:
                field.verbose_name = fields[field.verbose_name]
