"""Filters by a person: who decided, who looks into it, who is named by a row.

People who may not see decisions are offered none of what these tell.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from workflows_app.admin.filters import ChoiceFilter
from workflows_app.admin.seeing import may_see
from workflows_app.models import OperatorAction, Run
from workflows_app.queries.taking import taken_by_nobody, takings

_ME, _NOBODY = "me", "nobody"


class _OfPeople(ChoiceFilter):
    """One of the people who are named by some row; who looks is offered first."""

    #: The rows that name people, and by which field.
    named_in: type[Any] = OperatorAction
    named_as = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        if not may_see(self.named_in):
            return []
        named = self.named_in._default_manager.filter(**{self.named_as: OuterRef("pk")})
        people = get_user_model()._default_manager.filter(Exists(named.order_by()))
        others = (person for person in people if person.pk != request.user.pk)
        names = sorted((person.get_username(), str(person.pk)) for person in others)
        return [(_ME, _("me")), *((key, name) for name, key in names)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value or not may_see(self.named_in):
            return queryset
        try:
            key = get_user_model()._meta.pk.to_python(value) if value != _ME else request.user.pk
        except ValidationError:
            return queryset
        return self.of(queryset, key)

    def of(self, rows: QuerySet[Any], person: Any) -> QuerySet[Any]:
        """Return the rows that name a person, by the person's key."""
        return rows.filter(**{self.named_as: person})


class PersonFilter(_OfPeople):
    """The person whom a row names."""

    title = gettext_lazy("person")
    parameter_name = "person"

    def __init__(self, request: HttpRequest, params: Any, model: Any, model_admin: Any) -> None:
        self.named_in = model
        super().__init__(request, params, model, model_admin)


class MailFilter(PersonFilter):
    """The person to whom a message went."""

    named_as = "person"


class DecidedByFilter(_OfPeople):
    """The person by whose decision a row changed: its history keeps who it was."""

    title = gettext_lazy("decided by")
    parameter_name = "decided"

    def of(self, rows: QuerySet[Any], person: Any) -> QuerySet[Any]:
        changed: QuerySet[Any] = rows.model.history.filter(history_user=person)
        return rows.filter(pk__in=changed.order_by().values("id"))


class TakenByFilter(_OfPeople):
    """The person who looks into a run now, or nobody of those that wait for one."""

    title = gettext_lazy("looked into by")
    parameter_name = "taken"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        people = super().lookups(request, model_admin)
        return [(_NOBODY, _("nobody, and it needs a person")), *people] if people else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == _NOBODY and may_see(self.named_in):
            return queryset.filter(Run.blocking_filter(), taken_by_nobody())
        return super().queryset(request, queryset)

    def of(self, rows: QuerySet[Any], person: Any) -> QuerySet[Any]:
        return rows.filter(pk__in=takings().filter(actor=person).values("run"))
