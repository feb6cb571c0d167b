"""All that the doctor may say: each check with its words, and what a role must be granted."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from syrupy.assertion import SnapshotAssertion

from tests.commands.console import run
from tests.owner import as_owner
from workflows_app.doctor import CHECKS

pytestmark = pytest.mark.django_db


def test_each_check_says_what_is_wrong_what_it_means_and_what_to_do(
    kept: SnapshotAssertion,
) -> None:
    told = [
        f"{check.id} {check.severity}{', can be fixed' if check.fix else ''}: {check.title}\n"
        f"  What it means: {check.meaning}\n  What to do: {check.remedy}\n"
        for check in CHECKS
    ]
    assert "".join(told) == kept(name="checks")


ROLES = {
    "clerk": "CREATE ROLE clerk",
    "Two Words": 'CREATE ROLE "Two Words"',
    "boss": "CREATE ROLE boss SUPERUSER",
    "maker": "CREATE ROLE maker CREATEROLE",
    "skipper": "CREATE ROLE skipper; GRANT SET ON PARAMETER session_replication_role TO skipper",
    "reader": "CREATE ROLE reader; GRANT DELETE ON workflows_app_evidence TO PUBLIC",
    "nobody": "",
    "public": "",
    "none": "",
    "": "",
    "pg_monitor": "",
    "r" * 64: "",
    # As PostgreSQL would cut the name.
    "ä" * 32: f'CREATE ROLE "{31 * "ä"}x"',
    "PUBLIC": "",
    "seller": "CREATE ROLE seller; ALTER TABLE workflows_app_run OWNER TO seller",
}


def test_what_is_said_of_each_role(kept: SnapshotAssertion) -> None:
    lines = []
    for name, made in ROLES.items():
        with as_owner():
            if made:
                with connection.cursor() as cursor:
                    cursor.execute(made)
            ran = run("grant_role", name)
        lines.append(f"$ grant_role '{name}'\nexit {ran.code}\n{ran.out}{ran.err}")
    assert "\n".join(lines) == kept(name="roles")


def test_what_a_role_is_granted(kept: SnapshotAssertion) -> None:
    with as_owner():
        with connection.cursor() as cursor:
            cursor.execute("CREATE ROLE clerk")
        said = run("grant_role", "clerk", "--dry-run").out
        with connection.cursor() as cursor:
            cursor.execute("SELECT has_table_privilege('clerk', 'workflows_app_run', 'SELECT')")
            assert cursor.fetchone() == (False,)
    of_database = re.sub(r'DATABASE "[^"]+"', "DATABASE (this one)", said)
    # Tables of other libraries come and go with their versions.
    ours = [
        line for line in of_database.splitlines() if re.search(r"workflows_|DATABASE|SCHEMA", line)
    ]
    assert "\n".join(ours) + "\n" == kept(name="grants")
