"""The console's addresses besides the admin's, to include where a project likes."""

from __future__ import annotations

from django.urls import path, reverse_lazy
from django.views.generic import RedirectView

from workflows_app.health import healthz, readyz

app_name = "workflows_app"
urlpatterns = [
    path(
        "",
        RedirectView.as_view(url=reverse_lazy("admin:app_list", args=["workflows_app"])),
        name="home",
    ),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
]
