"""The admin. Health checks are answered before: see `workflows_app.health`."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("account/", include("workflows_app.login.urls")),
    path("admin/", admin.site.urls),
]
