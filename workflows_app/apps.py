"""The Django app: loads the `workflows` modules of all installed apps."""

import logging

# Lets models declare triggers. Where 'pgtrigger' is not installed, a system check must come to say so.
import pgtrigger.apps  # noqa: F401
from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

from workflows_app.secrets import SecretsFilter
from workflows_app.visible import OneLineFilter


class WorkflowsConfig(AppConfig):
    name = "workflows_app"
    verbose_name = _("Workflow operations")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        for filter in (SecretsFilter(), OneLineFilter()):
            logging.getLogger("workflows_app").addFilter(filter)
        from workflows_app import checks, installation  # noqa: F401  # registers the system checks

        if not installation.is_complete():
            return
        autodiscover_modules("workflows")
        # Registers the tasks, the groups that come with the migrations, and a look at each new session.
        from workflows_app import (  # noqa: F401
            account_changes,
            dispatch,
            groups,
            names,
            policy_checks,
            poolers,
            security_checks,
        )
        from workflows_app.alerts import checks as alert_checks  # noqa: F401

        account_changes.connect()
        names.name_models()
