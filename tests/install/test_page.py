"""`docs/install.md`, word by word: a wheel, a fresh environment, a project, a decision by HTTP.

The project may be the one of the page, or one with much of its own: users with another kind of key, pages of
users, an admin site, settings of the theme, a language, a second database, requests that are transactions.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import httpx
import pytest

from tests.install import own, page
from tests.install.fresh import copy_of_source, environment, link, requirements_of_wheel
from tests.install.project import Project, empty_database

PASSWORD = "correct-horse"
#: Each is two dozen commands: on a busy machine they take their time.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment in which the wheel is installed."""
    source = copy_of_source(tmp_path_factory.mktemp("source"))
    made = environment(tmp_path_factory.mktemp("fresh"))
    (build, install) = page.commands("Install the package")[0]
    checkout = Project(source, made, {})
    checkout.sh(build)
    (wheel,) = (source / "dist").glob("*.whl")
    assert ZipFile(wheel).read("workflows_app/py.typed") == b""
    for requirement in requirements_of_wheel(wheel):
        link(str(requirement), into=made.parent.parent)
    checkout.sh(install)
    return made


@pytest.fixture
def project(python: Path, tmp_path: Path, db: None) -> Iterator[Project]:
    with empty_database(f"install_{os.getpid()}") as database:
        yield Project(tmp_path, python, database)


def test_the_page_leads_from_nothing_to_a_decision(project: Project) -> None:
    (making,) = page.commands("A project, and an app for the workflows")
    before, after = page.commands("From an empty database to a decision")
    *steps, serve = before

    for line in making:
        project.sh(line)
    for path, text in page.files().items():
        project.add(path, text)
    checked, *_, listed = [project.sh(line) for line in steps]
    assert re.findall(r"workflows_app\.\w+|\b\w+\.[EW]\d+", checked) == []
    assert "Print the letter to Grace" in listed

    with project.serving(serve) as browser:
        assert browser.get("/workflows/healthz").text == "ok\n"
        assert browser.get("/healthz", headers={"Host": "10.0.0.7"}).text == "ok\n"
        log_in(browser, "ada")
        home = browser.get("/admin/").text
        assert "Did it happen?" in home
        assert "(1) Django site admin</title>" in home
        assert browser.get("/workflows/").url.path == "/admin/workflows_app/"
        skip_the_one_blocked_run(browser, "/admin/", told="Skip: ")
        every_list_answers(browser, "/admin/")

    for line in after:
        project.sh(line)
    assert "violations: 0" in project.said[-1]


def test_a_project_keeps_what_is_its_own(project: Project) -> None:
    (making,) = page.commands("A project, and an app for the workflows")
    for line in making:
        project.sh(line)
    for path, text in (*page.files().items(), *own.FILES.items()):
        project.add(path, text)
    project.sh("python manage.py makemigrations letters")

    told = project.manage(
        "makemigrations --check --dry-run",
        "check --fail-level WARNING --database default --database legacy",
        "migrate --verbosity 0",
        "migrate --verbosity 0 --database legacy",
        "createsuperuser --noinput --email ada@example.com",
        "sync_workflows --actor ada@example.com --reason first",
        "publish_events letters letter.written",
        "run_worker --until-idle",
        said='{"message_id": "1", "payload": {"to": "Grace"}}',
    )
    assert "No changes" in told
    with project.serving("python manage.py runserver 8000") as browser:
        log_in(browser, "ada@example.com")
        assert "All about letters" in browser.get("/admin/").text
        skip_the_one_blocked_run(browser, "/ops/", told="Überspringen: ")
        every_list_answers(browser, "/ops/")
        assert browser.get("/admin/letters/person/").status_code == 200
    told = project.manage("run_worker --until-idle", "doctor", "trace event 1 --workflow letters")
    assert "violations: 0" in told
    assert "ada@example.com" in told


def log_in(browser: httpx.Client, name: str) -> None:
    page = browser.get("/admin/login/")
    fields = {"username": name, "password": PASSWORD}
    answer = browser.post("/admin/login/", data={**_hidden(page.text), **fields})
    assert answer.url.path == "/admin/", answer.text


def skip_the_one_blocked_run(browser: httpx.Client, site: str, *, told: str) -> None:
    """Go from the home page to the run, and press Skip as a browser does."""
    home = browser.get(f"{site}workflows_app/").text
    (address,) = set(re.findall(rf'href="({site}workflows_app/run/\d+/change/)"', home))
    run = browser.get(address).text
    assert "workflows_app/admin.css" in run
    assert "workflows_app/dialog.js" in run
    (skip,) = set(re.findall(r'hx-get="([^"]*skip-run[^"]*)"', run))
    dialog = browser.get(html.unescape(skip), headers={"HX-Request": "true"}).text
    sent = {**_hidden(dialog), "_form_submitted": "True", "reason": "not needed"}
    answer = browser.post(html.unescape(skip), data=sent, headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == address
    assert told in html.unescape(browser.get(address).text)
    assert "not needed" in browser.get(address.replace("change", "history")).text


def every_list_answers(browser: httpx.Client, site: str) -> None:
    lists = set(
        re.findall(rf'href="({site}(?:workflows_app|procrastinate)/\w+/)"', browser.get(site).text)
    )
    lists |= {"/admin/auth/group/"}
    assert len(lists) > 10
    assert {address: browser.get(address).status_code for address in lists} == dict.fromkeys(
        lists, 200
    )


def _hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
