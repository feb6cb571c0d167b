"""What people call the models and their fields, in whatever language.

Django makes English names of the code's own. These stand in for them, and can be translated; no migration has to
know them.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

_MODELS: dict[str, tuple[Any, Any]] = {
    "workflows_app.AccountChange": (_("account change"), _("account changes")),
    "workflows_app.Alert": (_("alert"), _("alerts")),
    "workflows_app.Breaker": (_("breaker"), _("breakers")),
    "workflows_app.Event": (_("event"), _("events")),
    "workflows_app.Evidence": (_("evidence"), _("evidence")),
    "workflows_app.Handler": (_("handler"), _("handlers")),
    "workflows_app.Input": (_("input"), _("inputs")),
    "workflows_app.Mutation": (_("mutation"), _("mutations")),
    "workflows_app.OperatorAction": (_("operator action"), _("operator actions")),
    "workflows_app.Run": (_("run"), _("runs")),
    "workflows_app.Topic": (_("topic"), _("topics")),
    "workflows_app.Workflow": (_("workflow"), _("workflows")),
    "workflows_app.WorkflowVersion": (_("workflow version"), _("workflow versions")),
    "procrastinate.ProcrastinateJob": (_("procrastinate job"), _("procrastinate jobs")),
}
#: What pages show of fields.
_FIELDS: tuple[Any, ...] = (
    _("a failed run waits for a person"),
    _("a late answer contradicts the ledger"),
    _("abort requested"),
    _("about"),
    _("active version"),
    _("actor"),
    _("address"),
    _("an event waits for too long"),
    _("an unknown outcome waits for a decision"),
    _("args"),
    _("attempt"),
    _("attempts"),
    _("body"),
    _("carried mutation"),
    _("channel"),
    _("claimed until"),
    _("consumer"),
    _("contradicts"),
    _("created at"),
    _("created by"),
    _("detail"),
    _("duration ms"),
    _("earlier crashes"),
    _("earlier failures"),
    _("ended at"),
    _("event"),
    _("evidence seen"),
    _("external id"),
    _("facts"),
    _("failure kind"),
    _("failure message"),
    _("failure phase"),
    _("failure traceback"),
    _("fencing token"),
    _("handler"),
    _("idempotency key"),
    _("is current"),
    _("kind"),
    _("lane"),
    _("lock"),
    _("major"),
    _("message id"),
    _("minor"),
    _("mutation"),
    _("mutator"),
    _("name"),
    _("next attempt at"),
    _("next reconcile at"),
    _("no new calls go out"),
    _("note"),
    _("number"),
    _("opened at"),
    _("openings"),
    _("operation"),
    _("owes retry"),
    _("params"),
    _("payload"),
    _("person"),
    _("phase"),
    _("prepare result"),
    _("priority"),
    _("problem"),
    _("queue name"),
    _("queueing lock"),
    _("reason"),
    _("reconcile attempts"),
    _("reserved by"),
    _("resolved at"),
    _("resolved by"),
    _("result"),
    _("retry due at"),
    _("retry of"),
    _("revision"),
    _("run"),
    _("scheduled at"),
    _("secret names"),
    _("sent at"),
    _("session"),
    _("slug"),
    _("source"),
    _("source digest"),
    _("started at"),
    _("status"),
    _("subject"),
    _("target"),
    _("task name"),
    _("test asked at"),
    _("test problem"),
    _("test sent at"),
    _("title"),
    _("topic"),
    _("traceback"),
    _("trial at"),
    _("type"),
    _("unknowns"),
    _("verdict"),
    _("version"),
    _("what"),
    _("worker"),
    _("workflow"),
)


def name_models() -> None:
    """Give the models of the console, and their fields, names that can be translated."""
    # Whatever language the project has: the code's own names are English.
    with override(None):
        fields = {str(name): name for name in _FIELDS}
    for label, (one, many) in _MODELS.items():
        model = apps.get_model(label)
        model._meta.verbose_name, model._meta.verbose_name_plural = one, many
    for model in apps.get_models():
        if model._meta.app_label not in ("workflows_app", "procrastinate"):
            continue
        for field in model._meta.fields:
            if isinstance(field.verbose_name, str) and field.verbose_name in fields:
                field.verbose_name = fields[field.verbose_name]
