"""The person on whose behalf a command acts."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management.base import CommandError, CommandParser

from workflows_app.masking import Names, names_for


def add_reader(parser: CommandParser) -> None:
    """Let a command be told who reads what it prints."""
    parser.add_argument(
        "--actor", help="who reads it: secret values are masked for people without view_sensitive"
    )


def masked_for(username: str | None) -> Names:
    """Return the names that are masked for this reader; all, if nobody is named. Raises CommandError."""
    return names_for(None if username is None else actor_named(username))


def actor_named(username: str) -> User:
    """Return the active user of this name. Raises CommandError."""
    users = get_user_model()
    user = users._default_manager.filter(**{users.USERNAME_FIELD: username}).first()
    if user is None or not user.is_active:
        raise CommandError(f"There is no active user with the {users.USERNAME_FIELD} '{username}'.")
    return user
