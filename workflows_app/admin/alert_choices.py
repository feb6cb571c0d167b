"""Alerts for me: what a person is told of, and where. Everybody sees and changes their own, and no others'.

It saves what the form says: no state of a workflow is in it.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from workflows_app.admin.parameters import NamedParameters
from workflows_app.alerts.facts import SHOWS, chosen_kinds, may_be_told
from workflows_app.alerts.places import mail_of
from workflows_app.alerts.settings import alert_settings
from workflows_app.alerts.trying import ask, asked_by, is_lost
from workflows_app.models import AlertChoice
from workflows_app.models.clocks import database_now


class ChoiceForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """Offers the kinds that its person may see, and the channels of the settings."""

    #: Set by the page.
    person: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.person = self.person
        workflow: Any = self.fields["workflow"]
        workflow.empty_label = _("All workflows")
        workflow.widget.can_view_related = False
        self.fields["channel"] = forms.ChoiceField(
            label=_("Where to"),
            choices=places_of(self.person),
            required=False,
            widget=UnfoldAdminSelectWidget,
            help_text=_("Your e-mail, or a channel of your team. The settings have the channels."),
        )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if not any(given.get(kind) for kind in SHOWS):
            raise ValidationError(_("Tick at least one thing to be told of."))
        if not given.get("channel") and not mail_of(self.person):
            self.add_error(
                "channel", _("Your account has no e-mail. Choose a channel, or have one entered.")
            )
        same = AlertChoice.objects.filter(
            person=self.person, workflow=given.get("workflow"), channel=given.get("channel", "")
        )
        if same.exclude(pk=self.instance.pk).exists():
            raise ValidationError(
                _("You have chosen this workflow and place already: change that one.")
            )
        return given


def places_of(person: Any) -> list[tuple[str, str]]:
    """Return where messages for `person` may go, and what that is called."""
    mail = mail_of(person)
    mine = (
        _("My e-mail: %(mail)s") % {"mail": mail} if mail else _("My e-mail (my account has none)")
    )
    channels = sorted(alert_settings().channels)
    return [("", mine), *((name, _("Channel: %(name)s") % {"name": name}) for name in channels)]


def field_name(kind: str) -> str:
    """Return what people call a kind."""
    field: Any = AlertChoice._meta.get_field(kind)
    return str(field.verbose_name)


@admin.register(AlertChoice)
class AlertChoiceAdmin(NamedParameters):
    """Needs no permission of its own: whoever may see something may be told of it."""

    class Media:
        css = {"all": ["workflows_app/admin.css"]}
        js = ["workflows_app/pages.js"]

    form = ChoiceForm
    list_display = ["about", "place", "told_of"]
    list_display_links = ["about"]
    list_before_template = "workflows_app/alert_choices.html"
    sortable_by = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertChoice]:
        mine: QuerySet[AlertChoice] = super().get_queryset(request)
        return mine.filter(person=request.user.pk).select_related("workflow")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["workflow", *may_be_told(request.user), "channel"]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        return type("ChoiceFormOfPerson", (form,), {"person": request.user})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.try_view)
        own: list[URLPattern] = super().get_urls()
        return [path("try/", view, name="workflows_app_alertchoice_try"), *own]

    def save_model(self, request: HttpRequest, obj: AlertChoice, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self.get_queryset(request).update(language=get_language() or "")

    def try_view(self, request: HttpRequest) -> HttpResponse:
        """Have a test message sent to each place that the person chose. POST only."""
        if not self._may(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.get_queryset(request).exists():
            messages.error(request, _("Choose first what you want to be told of, and where."))
        elif not ask(request.user, now=database_now()):
            messages.error(request, _("You asked for a test message a moment ago. Wait a minute."))
        list_name = "admin:workflows_app_alertchoice_changelist"
        return HttpResponseRedirect(reverse(list_name, current_app=self.admin_site.name))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        limits = alert_settings()
        now = database_now()
        tried = [(choice, is_lost(choice, now=now)) for choice in asked_by(request.user)]
        context = {
            "alerts_are_on": limits.are_on,
            "repeat_minutes": limits.repeat_seconds / 60,
            "repeat_number": limits.repeat_number,
            "tried": [(self.place(choice), choice, lost) for choice, lost in tried],
            "is_being_tried": any(
                choice.test_problem is None and not lost for choice, lost in tried
            ),
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @display(description=gettext_lazy("workflow"))
    def about(self, choice: AlertChoice) -> str:
        return choice.workflow.title if choice.workflow else _("All workflows")

    @display(description=gettext_lazy("where to"))
    def place(self, choice: AlertChoice) -> str:
        if not choice.channel:
            return mail_of(choice.person) or _("your account has no e-mail: nowhere")
        known = choice.channel in alert_settings().channels
        if known:
            return choice.channel
        return _("%(name)s: there is no such channel any more") % {"name": choice.channel}

    @display(description=gettext_lazy("told of"))
    def told_of(self, choice: AlertChoice) -> str:
        allowed = set(may_be_told(choice.person)) & chosen_kinds(choice)
        names = (field_name(kind) for kind in SHOWS if kind in allowed)
        return "; ".join(names) or _("nothing that you may see")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj)

    def _may(self, request: HttpRequest, choice: AlertChoice | None = None) -> bool:
        is_own = choice is None or choice.person_id == request.user.pk
        return is_own and bool(may_be_told(request.user))
