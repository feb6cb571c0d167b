"""Stored parameters with names that look like those of secrets, and that nobody declared."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from workflows_app.doctor.check import Check, Found, Scope, Severity
from workflows_app.masking import secret_names
from workflows_app.secret_looking import WORDS, looks_secret

_NAMES = """
    SELECT r.workflow_id, m.mutator, max(m.id), name.parts[1]
      FROM workflows_app_mutation m
      JOIN workflows_app_run r ON r.id = m.run_id,
           regexp_matches(m.params::text, %(name)s, 'gi') name(parts)
     WHERE %(workflow)s::bigint IS NULL OR r.workflow_id = %(workflow)s
     GROUP BY 1, 2, 4 ORDER BY 1, 2, 4
"""


def _undeclared(scope: Scope) -> Iterator[Found]:
    declared = {name.rpartition(".")[2] for name in secret_names()}
    with connection.cursor() as cursor:
        pattern = rf'"([a-z0-9_.-]*(?:{WORDS})[a-z0-9_.-]*)": '
        cursor.execute(_NAMES, {"name": pattern, "workflow": scope.workflow_id})
        rows = cursor.fetchall()
    for workflow_id, mutator, newest, name in rows:
        if name not in declared and looks_secret(name):
            told = f"holds '{name}' of {mutator}, which everybody sees who may see effects"
            yield Found(workflow_id, "mutation", newest, told)


CHECKS = [
    Check(
        id="D431",
        title="A parameter looks secret, and nobody declared it",
        meaning="Its value is masked for nobody: not on pages, in exports or in the output of commands.",
        remedy="Add its name to secret_params of the mutator, raise the version, and sync_workflows.",
        severity=Severity.WARNING,
        find=_undeclared,
    ),
]
