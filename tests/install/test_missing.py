"""What a project of somebody else's lacks is told by `check`, all of it at once, each with its remedy."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.install import page
from tests.install.whole import URLS, problems_in, told_by, write


def checked(folder: Path, change: str, urls: str = URLS) -> list[tuple[str, str, str]]:
    write(folder, change, urls)
    return problems_in(told_by(folder, "check"))


def test_all_apps_that_are_missing_are_told_at_once(tmp_path: Path) -> None:
    told = checked(
        tmp_path,
        """
        LEFT = [
            "workflows_app", "django.contrib.admin", "django.contrib.auth",
            "django.contrib.contenttypes",
        ]
        INSTALLED_APPS, MIDDLEWARE = LEFT, []
        """,
        "urlpatterns = []",
    )

    missing = [text.split("'")[1] for number, text, _ in told if number == "E005"]
    assert missing == [
        "django.contrib.messages",
        "django.contrib.postgres",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        "pgtrigger",
        "procrastinate.contrib.django",
        "simple_history",
        "unfold",
        "unfold.contrib.filters",
        "unfold.contrib.forms",
        "unfold.contrib.simple_history",
    ]
    assert (
        "E005",
        "'unfold' is not in INSTALLED_APPS: the console's pages are made for its theme.",
        "Add 'unfold'. docs/install.md has the whole list.",
    ) in told
    # Django's admin has checks of its own, of what it needs.
    others = [number for number, *_ in told if not number.startswith(("E005", "admin."))]
    assert others == ["E003", "W003"]


def test_without_a_console_nothing_is_missed_that_only_it_needs(tmp_path: Path) -> None:
    change = """
        PARTS = ("django.contrib.admin", "django.contrib.messages", "django.contrib.sessions", "unfold")
        INSTALLED_APPS = [name for name in INSTALLED_APPS if not name.startswith(PARTS)]
        MIDDLEWARE = ["simple_history.middleware.HistoryRequestMiddleware"]
    """
    assert checked(tmp_path, change, "urlpatterns = []") == [
        (
            "I003",
            "There is no console here: 'django.contrib.admin' is not in INSTALLED_APPS.",
            "Nothing, where others have it; else add it. docs/install.md has the whole list.",
        )
    ]


def test_what_else_is_wrong_is_told_with_its_remedy(tmp_path: Path) -> None:
    told = checked(
        tmp_path,
        """
        for name in (INSTALLED_APPS[0], "unfold.contrib.simple_history", "unfold"):
            INSTALLED_APPS.remove(name)
            INSTALLED_APPS.append(name)
        MIDDLEWARE = [name for name in MIDDLEWARE if "Away" not in name and "History" not in name]
        SIMPLE_HISTORY_ENABLED = False
        USE_TZ = False
        """,
    )

    assert told == [
        (
            "E003",
            "The history middleware is missing: history would not know who made a request.",
            "Add 'simple_history.middleware.HistoryRequestMiddleware' to MIDDLEWARE.",
        ),
        (
            "E004",
            "SIMPLE_HISTORY_ENABLED is off: changes would leave no history.",
            "Take it out of the settings.",
        ),
        (
            "E006",
            "'procrastinate.contrib.django' stands after 'workflows_app' in INSTALLED_APPS:"
            " its pages of jobs are replaced.",
            "Move 'procrastinate.contrib.django' before 'workflows_app'."
            " docs/install.md has the whole list.",
        ),
        (
            "E006",
            "'unfold' stands after 'django.contrib.admin' in INSTALLED_APPS: its templates stand in for"
            " Django's.",
            "Move 'unfold' before 'django.contrib.admin'. docs/install.md has the whole list.",
        ),
        (
            "E006",
            "'unfold.contrib.simple_history' stands after 'simple_history' in INSTALLED_APPS:"
            " its templates stand in for the others.",
            "Move 'unfold.contrib.simple_history' before 'simple_history'."
            " docs/install.md has the whole list.",
        ),
        (
            "E010",
            "USE_TZ is off: times would be ambiguous when clocks change.",
            "Set USE_TZ = True.",
        ),
        (
            "W003",
            "While the database is away, the console would answer 500 and log a traceback.",
            "Add 'workflows_app.admin.away.DatabaseAwayMiddleware' to MIDDLEWARE,"
            " before the sessions.",
        ),
    ]


OWN_SITE = """
    INSTALLED_APPS[INSTALLED_APPS.index("django.contrib.admin")] = "sites.{}Config"
    INSTALLED_APPS[INSTALLED_APPS.index("unfold")] = "{}"
"""
BASIC = "unfold.apps.BasicAppConfig"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (OWN_SITE.format("Themed", BASIC), []),
        (
            OWN_SITE.format("Plain", BASIC),
            [
                (
                    "E007",
                    "The admin site 'admin' is a Plain, which the theme does not know.",
                    "Derive its class from unfold.sites.UnfoldAdminSite.",
                )
            ],
        ),
        (
            OWN_SITE.format("Themed", "unfold"),
            [
                (
                    "E008",
                    "'unfold' in INSTALLED_APPS puts a site of its own in place of 'sites.Themed'.",
                    "Write 'unfold.apps.BasicAppConfig' in its place.",
                )
            ],
        ),
    ],
    ids=["own", "plain", "its place taken"],
)
def test_an_admin_site_that_the_theme_does_not_know_is_told(
    tmp_path: Path, change: str, told: list[tuple[str, str, str]]
) -> None:
    assert checked(tmp_path, change) == told


def test_a_console_without_an_address_or_with_a_database_of_its_own_is_told(tmp_path: Path) -> None:
    other = """
        DATABASES["other"] = DATABASES["default"]
        DATABASE_ROUTERS = ["sites.Elsewhere"]
    """
    assert checked(tmp_path, other, "urlpatterns = []") == [
        (
            "E009",
            "No address leads to the console's pages.",
            "Add path('admin/', admin.site.urls) to the project's urls; for a site of your"
            " own, call workflows_app.admin.add_to(site) first.",
        ),
        (
            "E011",
            "The tables of this app and of its queue are not all in the database 'default',"
            " where the accounts are.",
            "Let DATABASE_ROUTERS and PROCRASTINATE_DATABASE_ALIAS leave 'workflows_app' and"
            " 'procrastinate' in 'default'.",
        ),
    ]


def test_a_second_factor_that_nothing_asks_for_is_told(tmp_path: Path) -> None:
    assert checked(tmp_path, 'WORKFLOWS = {"second_factor_to_decide": True}') == [
        (
            "E040",
            "WORKFLOWS['second_factor_to_decide'] is on, and nothing here asks for a second factor.",
            "Add 'workflows_app.login' to INSTALLED_APPS. docs/install.md has what it needs.",
        )
    ]


#: In one process: to load a project takes longest. What the page puts into the menu of the account leads to the second factor.
ALL_OF_LOGIN = """
from django.conf import settings
from django.core.management import call_command
from django.urls import reverse
call_command("check")
call_command("makemigrations", "--check", "--dry-run")
print(settings.UNFOLD["ACCOUNT"]["navigation"][0]["link"], reverse("mfa_index"))
"""


def test_the_login_is_whole_as_the_page_has_it(tmp_path: Path) -> None:
    settings, urls = page.python_of("Login")
    change = f'{settings}\nWORKFLOWS = {{"second_factor_to_decide": True}}'
    with_login = f"{dedent(URLS)}\nfrom django.urls import include\n{urls}"
    write(tmp_path, change, with_login)
    said = told_by(tmp_path, "shell", "-v0", "-c", ALL_OF_LOGIN)
    # What comes then is about the database, which is not there.
    sound, migrated, links, *_ = said.splitlines()
    assert sound == "System check identified no issues (0 silenced)."
    assert migrated == "No changes detected"
    link, there = links.split()
    assert link == there
