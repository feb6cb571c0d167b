"""`manage.py flush`: refused, but for tests, which empty their own database by it."""

from __future__ import annotations

from typing import Any

from django.core import mail
from django.core.management.base import CommandError
from django.core.management.commands import flush
from django.db import DEFAULT_DB_ALIAS, connection, transaction

from workflows_app.models.guards import MAY_EMPTY


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        if options["database"] != DEFAULT_DB_ALIAS or connection.vendor != "postgresql":
            super().handle(**options)
            return
        if not hasattr(mail, "outbox"):  # Django has it while tests run, and then alone
            raise CommandError(
                "This would delete what was done outside, and who decided what. Nothing was changed: make"
                " a new database instead."
            )
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL {MAY_EMPTY} = on")
            super().handle(**options)
