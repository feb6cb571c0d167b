"""What a project may have of its own, besides what the page tells it to have."""

from __future__ import annotations

from textwrap import dedent

SETTINGS = """
    AUTH_USER_MODEL = "letters.Person"
    DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
    TIME_ZONE = "Asia/Kathmandu"
    LANGUAGE_CODE = "de"
    USE_THOUSAND_SEPARATOR = True
    # The page's other order: the admin's first page stays the project's own.
    INSTALLED_APPS.remove("workflows_app")
    INSTALLED_APPS.append("workflows_app")
    DATABASES["default"] |= {"ATOMIC_REQUESTS": True, "CONN_MAX_AGE": 0}
    DATABASES["default"]["OPTIONS"]["pool"] = True
    DATABASES["legacy"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "legacy"}
    DATABASE_ROUTERS = ["letters.routers.OldThingsAreInLegacy"]
    UNFOLD = {"SITE_TITLE": "Post office", "DASHBOARD_CALLBACK": "letters.admin.dashboard"}
"""
ROUTERS = """
    class OldThingsAreInLegacy:
        def allow_migrate(self, db, app_label, **hints):
            return None if db == "default" else app_label == "old"
"""
MODELS = """
    import uuid

    from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
    from django.contrib.auth.models import PermissionsMixin
    from django.db import models


    class People(BaseUserManager):
        def create_superuser(self, email, password):
            person = self.model(email=email, is_superuser=True)
            person.set_password(password)
            person.save()
            return person


    class Person(AbstractBaseUser, PermissionsMixin):
        id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
        email = models.EmailField(unique=True)
        is_staff = True
        objects = People()
        USERNAME_FIELD = "email"
"""
ADMIN = """
    from django.contrib import admin
    from unfold.admin import ModelAdmin

    from letters.models import Person


    @admin.register(Person)
    class PersonAdmin(ModelAdmin):
        list_display = ["email"]


    def dashboard(request, context):
        return {**context, "title": "All about letters"}
"""
URLS = """
    from django.contrib import admin
    from django.urls import include, path
    from unfold.sites import UnfoldAdminSite

    from workflows_app.admin import add_to

    ops = UnfoldAdminSite(name="ops")
    add_to(ops)
    urlpatterns = [
        path("admin/", admin.site.urls),
        path("ops/", ops.urls),
        path("workflows/", include("workflows_app.urls")),
    ]
"""
FILES = {
    path: dedent(text)
    for path, text in {
        "mysite/settings.py": SETTINGS,
        "mysite/urls.py": URLS,
        "letters/routers.py": ROUTERS,
        "letters/models.py": MODELS,
        "letters/admin.py": ADMIN,
    }.items()
}
