"""The demo, an app of its own: invoices to pay at a small bank that fails on purpose."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "workflows_app.demo"
    label = "workflows_demo"
    verbose_name = "Demo"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from workflows_app.demo import checks  # noqa: F401
