"""A project of somebody else's, as settings in a folder, in which nothing is missing unless a test takes it away."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]

#: A project in which nothing is missing.
WHOLE = """
    import os
    SECRET_KEY = "x" * 50
    USE_TZ = True
    ROOT_URLCONF = "urls"
    INSTALLED_APPS = [
        "procrastinate.contrib.django", "workflows_app",
        "unfold", "unfold.contrib.filters", "unfold.contrib.forms", "unfold.contrib.simple_history",
        "django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
        "django.contrib.sessions", "django.contrib.messages", "django.contrib.postgres", "django.contrib.staticfiles",
        "simple_history", "pgtrigger",
    ]
    MIDDLEWARE = [
        "workflows_app.admin.guard.GuardMiddleware",
        "workflows_app.admin.away.DatabaseAwayMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "workflows_app.admin.sessions.SessionAgeMiddleware",
        "simple_history.middleware.HistoryRequestMiddleware",
    ]
    TEMPLATES = [{
        "BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages",
        ]},
    }]
    DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ.get("PGDATABASE", "none")}}
    STATIC_URL = "static/"
"""
URLS = """
    from django.contrib import admin
    from django.urls import path
    urlpatterns = [path("admin/", admin.site.urls)]
"""
#: A site that the theme does not know, one that it does, and a router.
SITES = """
    from django.contrib.admin import AdminSite
    from django.contrib.admin.apps import AdminConfig
    from unfold.sites import UnfoldAdminSite
    class Plain(AdminSite): pass
    class Themed(UnfoldAdminSite): pass
    class Elsewhere:
        def db_for_write(self, model, **hints): return "other"
    class PlainConfig(AdminConfig): default_site = "sites.Plain"
    class ThemedConfig(AdminConfig): default_site = "sites.Themed"
"""


def write(folder: Path, change: str = "", urls: str = URLS) -> None:
    """Write the project, and `change` at the end of its settings."""
    settings = dedent(WHOLE) + dedent(change)
    for name, text in {"settings": settings, "urls": dedent(urls), "sites": dedent(SITES)}.items():
        (folder / f"{name}.py").write_text(text)


def told_by(folder: Path, *command: str, environment: Mapping[str, str] | None = None) -> str:
    """Return what a command of the project says."""
    done = subprocess.run(
        [sys.executable, "-m", "django", *command],
        env={
            **os.environ,
            **(environment or {}),
            "DJANGO_SETTINGS_MODULE": "settings",
            "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def problems_in(said: str) -> list[tuple[str, str, str]]:
    """Return the problems that a check told of: number, sentence, remedy."""
    return re.findall(r"^\?: \((?:workflows_app\.)?([\w.]+)\) (.*)\n\tHINT: (.*)$", said, re.M)
