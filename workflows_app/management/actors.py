"""The person on whose behalf a command acts."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management.base import CommandError


def actor_named(username: str) -> User:
    """Return the active user of this name. Raises CommandError."""
    users = get_user_model()._default_manager
    user = users.filter(**{get_user_model().USERNAME_FIELD: username, "is_active": True}).first()
    if user is None:
        raise CommandError(f"There is no active user '{username}'.")
    return user
