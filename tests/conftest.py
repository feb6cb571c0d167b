"""What all tests share: people, a workflow to let things happen to, and a watch on what leaks."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management.commands import flush
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from django.test import Client, override_settings
from django.utils import translation
from syrupy.assertion import SnapshotAssertion

from tests.copied_database import drop_migrated, migrated_once
from tests.jobs import empty_queue
from tests.kept_texts import KeptText
from tests.owner import running_as_runs
from tests.scenes import Scene, scenes
from workflows_app.engine import holding
from workflows_app.models import Run
from workflows_app.outages import watch
from workflows_app.sdk import writes

#: What the migrations fill, and no test that commits changes.
FILLED = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
    "workflows_app_givenpermission",
}

_STAYS = FILLED | {"django_migrations"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run what is marked as long, too")
    parser.addoption(
        "--role",
        choices=["owner", "runs"],
        default="owner",
        help="who the tests are to the database",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked as long, unless all is wanted, or a test by its name."""
    if config.getoption("long"):
        return
    named = tuple(name for name in config.args if "::" in name)
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        is_left_out = item.get_closest_marker("long") and not item.nodeid.startswith(named)
        (left_out if is_left_out else kept).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


def pytest_collection_finish() -> None:
    """Let the collector of garbage look no more at what stays: Django, and thousands of tests."""
    gc.freeze()


@pytest.fixture(scope="session")
def copied_database(
    request: pytest.FixtureRequest,
    django_db_modify_db_settings: None,
    django_db_keepdb: bool,
    django_db_createdb: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[AbstractContextManager[None]]:
    """In this block the database is made, as a copy if other processes need one too."""
    is_kept = django_db_keepdb and not django_db_createdb
    if is_kept or not hasattr(request.config, "workerinput"):
        yield nullcontext()
        return
    directory = tmp_path_factory.getbasetemp().parent
    yield migrated_once(directory)
    drop_migrated(directory)


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest,
    copied_database: AbstractContextManager[None],
    django_db_blocker: Any,
) -> Iterator[None]:
    """Make the database as its owner, and go on as whom `--role` says."""
    with django_db_blocker.unblock(), copied_database:
        request.getfixturevalue("django_db_setup")
    with django_db_blocker.unblock():
        _forget_what_was_left()
    if request.config.getoption("role") == "owner":
        yield
        return
    with django_db_blocker.unblock(), running_as_runs():
        yield


def _forget_what_was_left() -> None:
    """Empty the tables of a database that is used again, if a test that commits was interrupted in it."""
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    names = [connection.ops.quote_name(table) for table in tables if table not in _STAYS]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {' OR '.join(f'EXISTS (SELECT FROM {name})' for name in names)}")
        (has_rows,) = cursor.fetchone()
        if has_rows and _is_superuser():
            cursor.execute("SET session_replication_role = replica")
            for name in names:
                cursor.execute(f"DELETE FROM {name}")
            cursor.execute("RESET session_replication_role")
            empty_queue()


@pytest.fixture(autouse=True, scope="session")
def quick_passwords() -> Iterator[None]:
    """Passwords are hashed in no time: what makes guessing slow makes each login of a test slow."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_clients() -> Iterator[None]:
    """A client does not look for all static files at its first page: a server for browsers serves them itself."""
    with override_settings(WHITENOISE_USE_FINDERS=False):
        yield


@pytest.fixture(autouse=True, scope="session")
def quick_flush() -> Iterator[None]:
    """Empty the tables row by row after a test that commits: TRUNCATE makes 150 files anew for a few rows.

    Without the triggers that keep history from being deleted, which only a superuser can do, and
    without what the migrations filled, which need then not be made again.
    """
    truncate, refill = DatabaseOperations.sql_flush, flush.emit_post_migrate_signal

    def sql_flush(
        self: DatabaseOperations, style: Any, tables: Sequence[str], **options: Any
    ) -> list[str]:
        if not _is_superuser():
            return truncate(self, style, tables, **options)
        names = (self.quote_name(table) for table in tables if table not in FILLED)
        without_triggers = "SET LOCAL session_replication_role = replica"
        as_owner = "SET LOCAL ROLE NONE"
        deletes = (f"DELETE FROM {name}" for name in names)
        # In one round trip, and not in one for each table.
        return ["; ".join([as_owner, without_triggers, *deletes])]

    def emit_post_migrate_signal(*arguments: Any) -> None:
        if not _is_superuser():
            refill(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", sql_flush)
        patch.setattr(flush, "emit_post_migrate_signal", emit_post_migrate_signal)
        yield


def _is_superuser() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = session_user")
        return bool(cursor.fetchone()[0])


@pytest.fixture(autouse=True)
def no_jobs_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that commits leaves no jobs for the next one."""
    marker = request.node.get_closest_marker("django_db")
    commits = marker is not None and marker.kwargs.get("transaction", False)
    if commits:
        request.getfixturevalue("transactional_db")
    yield
    if commits:
        empty_queue()


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """The language of the last page, an outage that a test made, and what was said once, are none of the next test."""
    yield
    translation.deactivate()
    watch._away_since = None
    holding._told.clear()
    writes._told.clear()


@pytest.fixture
def kept(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """`assert text == kept(name="list of runs")`: the text is that of the file, whole."""
    return snapshot.use_extension(KeptText)


@pytest.fixture
def scene() -> Iterator[Callable[..., Scene]]:
    """`scene(*outcomes, reconcilable=False)`: a synced workflow whose mutator plays them."""
    with ExitStack() as stack:
        yield scenes(stack)


@pytest.fixture
def blocked(scene: Callable[..., Scene]) -> Run:
    """A run that only a person can settle, and nobody can ask."""
    return scene("lost", "applied").happens(payload={"amount": "12.50", "to": "ACME"})


def _person(name: str, group: str | None, **extra: object) -> User:
    person = User.objects.create_user(name, is_staff=True, **extra)
    if group:
        person.groups.add(Group.objects.get(name=group))
    return person


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What authors' code can wait for that shall outlive its limit. Set at the end, whatever happens."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def operator_user(db: None) -> User:
    return _person("olga", "Workflow operators")


@pytest.fixture
def viewer_user(db: None) -> User:
    return _person("viktor", "Workflow viewers")


def logged_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def operator(operator_user: User) -> Client:
    return logged_in(operator_user)


@pytest.fixture
def viewer(viewer_user: User) -> Client:
    return logged_in(viewer_user)


@pytest.fixture
def superuser(db: None) -> Client:
    return logged_in(_person("root", None, is_superuser=True))
