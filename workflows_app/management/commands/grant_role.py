"""`manage.py grant_role`: what the role needs that runs the console, the workers and the commands."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from workflows_app import grants
from workflows_app.errors import RoleRefused
from workflows_app.management import command


class Command(command.Command):
    help = (
        "Grant a role of the database what the console, the workers and the commands need: rows, and of"
        " history, decisions and evidence only new ones. Run it as the owner of the tables, after every"
        " migrate. It may be run again, and takes away what else the role was granted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role", help="the role that DATABASE_URL names")
        parser.add_argument(
            "--dry-run", action="store_true", help="write the SQL, and change nothing"
        )

    def handle(self, *, role: str, dry_run: bool, **_: Any) -> None:
        try:
            if dry_run:
                for statement in grants.statements(role):
                    self.stdout.write(f"{statement};")
                return
            with transaction.atomic():
                remains = grants.grant(role)
        except RoleRefused as error:
            raise CommandError(str(error)) from error
        if remains:
            told = "\n".join(f"  - {line}" for line in remains)
            raise CommandError(
                f"Role '{role}' was granted what it needs, but it has more or less from elsewhere: from"
                f" PUBLIC, or from a role that it is a member of. Revoke or grant it there.\n{told}"
            )
        self.stdout.write(f"Role '{role}' may run the console, the workers and the commands.")
