"""Which secret keys are good enough to sign sessions with."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

LENGTH = 50
DIFFERENT = 8
_REMEDY = (
    "Set SECRET_KEY to a text as this prints:"
    " python3 -c 'import secrets; print(secrets.token_urlsafe(64))'"
)


def refuse_weak(key: str) -> None:
    """Raise ImproperlyConfigured if `key` is missing, or could be guessed."""
    key = key.strip()
    if not key:
        raise ImproperlyConfigured(f"SECRET_KEY is missing. {_REMEDY}")
    if len(key) < LENGTH:
        raise ImproperlyConfigured(
            f"SECRET_KEY has {len(key)} characters, and needs {LENGTH}. {_REMEDY}"
        )
    if len(set(key)) < DIFFERENT or key.startswith("django-insecure-"):
        raise ImproperlyConfigured(f"SECRET_KEY can be guessed. {_REMEDY}")
