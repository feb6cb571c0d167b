"""What was changed of accounts, groups and their permissions, and by whom. Append-only."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from workflows_app.models import guards


class GivenPermission(models.Model):
    """A permission that one of the groups of the migrations was given once: what a team takes away stays away."""

    group_name = models.CharField(max_length=150)
    codename = models.CharField(max_length=100)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["group_name", "codename"], name="one_gift_per_group"),
        ]

    def __str__(self) -> str:
        return f"{self.codename} to {self.group_name}"


class SavedFilter(models.Model):
    """What one person looks for again and again in one list: a name for the query of its address."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False
    )
    #: The name of the model that is listed, as "run".
    page = models.CharField(max_length=50)
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=2000)

    class Meta:
        ordering = ["name"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["person", "page", "name"], name="one_saved_filter_per_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AccountChange(models.Model):
    """One change of one account or group, as it was called then."""

    class Kind(models.TextChoices):
        ACCOUNT = "account", _("account")
        GROUP = "group", _("group")

    kind = models.CharField(max_length=7, choices=Kind.choices)
    about = models.CharField(max_length=254)
    about_key = models.CharField("number", max_length=64)
    #: What was before and after, in a line for each; never a password.
    what = models.TextField()
    #: Empty for a command, or for code.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    actor_name = models.CharField("person", max_length=254, blank=True)
    address = models.CharField(max_length=64, blank=True)
    session = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        triggers = guards.append_only()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.about}"
