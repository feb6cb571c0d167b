"""The Django app: loads the `workflows` modules of all installed apps."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class WorkflowsConfig(AppConfig):
    name = "workflows_app"
    verbose_name = "Workflow operations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        autodiscover_modules("workflows")
        # Registers the tasks, and the groups that come with the migrations.
        from workflows_app import checks, dispatch, groups  # noqa: F401
