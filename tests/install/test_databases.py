"""A database on which the promises would not hold is refused in a sentence, with what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.install.project import empty_database
from tests.install.whole import problems_in, told_by, write

pytestmark = pytest.mark.django_db

IN_C = "TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
LEVEL = (
    "a worker or a person would not see what others have committed while they waited."
    " They must be 'read committed'."
)


@pytest.mark.parametrize(
    ("options", "change", "told"),
    [
        (
            f"{IN_C} ENCODING 'LATIN1'",
            "",
            [
                (
                    "E012",
                    "The encoding of the database is LATIN1, which lacks letters: it must be UTF8.",
                    "Make a database with ENCODING 'UTF8' TEMPLATE template0, and use that.",
                )
            ],
        ),
        (
            f"{IN_C} ENCODING 'UTF8'",
            "",
            [
                (
                    "E013",
                    "The database has the locale 'C', which does not know 'Ä' and 'I' as the capital"
                    " letters of 'ä' and 'i': searches would miss rows.",
                    "Make a database with LOCALE 'C.UTF-8' TEMPLATE template0, say, and use that.",
                )
            ],
        ),
        (
            "",
            'DATABASES["default"]["OPTIONS"] = {"isolation_level": 3}',
            [
                (
                    "E014",
                    f"Transactions are 'repeatable read' by OPTIONS['isolation_level']: {LEVEL}",
                    "Take OPTIONS['isolation_level'] out of DATABASES.",
                )
            ],
        ),
    ],
    ids=["encoding", "locale", "isolation"],
)
def test_a_check_refuses_it(
    tmp_path: Path, options: str, change: str, told: list[tuple[str, str, str]]
) -> None:
    other = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    write(tmp_path, f'DATABASES["other"] = {other}\n{change}')
    with empty_database(f"other_{os.getpid()}", options) as database:
        said = told_by(
            tmp_path, "check", "--database", "default", "--database", "other", environment=database
        )
    assert problems_in(said) == told


def test_a_worker_refuses_what_the_server_would_have_it_do(tmp_path: Path) -> None:
    write(tmp_path)
    serializable = {"PGOPTIONS": "-c default_transaction_isolation=serializable"}
    with empty_database(f"other_{os.getpid()}") as database:
        said = told_by(tmp_path, "run_worker", environment={**database, **serializable})
    assert said == (
        f"CommandError: Transactions are 'serializable' by default_transaction_isolation: {LEVEL}"
        " Set default_transaction_isolation of the role, the database or the server to"
        " 'read committed'.\n"
    )
