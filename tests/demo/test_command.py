"""`manage.py demo` refuses what can't work before anything is made, in one clear sentence."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from tests.away.databases import serving
from tests.demo.runs import MINE, DemoProcess
from workflows_app.demo.management.command import whole_number
from workflows_app.demo.setting_up import ADDRESS, AccountTaken, set_up


def refusal(*arguments: str) -> str:
    with pytest.raises(CommandError) as refused:
        call_command("demo", *MINE, *arguments)
    return str(refused.value)


@pytest.mark.parametrize("more", [[], ["--no-serve"]])
def test_a_database_that_may_be_somebody_s_is_refused(tmp_path: Path, more: list[str]) -> None:
    with pytest.raises(CommandError) as refused, serving("postgres://nobody@127.0.0.1:1/theirs"):
        call_command("demo", *more)

    assert str(refused.value) == (
        "The demo fills its database, and this is not the embedded one. Leave DATABASE_URL out, or say"
        " --database-is-mine if nobody needs what is in it."
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "account",
    [{"email": ""}, {"email": "demo@example.com"}, {"email": ADDRESS, "is_superuser": True}],
)
def test_an_account_of_somebody_else_is_left_alone(account: dict[str, Any]) -> None:
    theirs = User.objects.create_user("demo", password="theirs", is_active=False, **account)
    before = vars(User.objects.get()) | {"_state": None}

    with pytest.raises(
        AccountTaken, match="an account 'demo' in this database that is not the demo's"
    ):
        set_up(password="ours")

    assert vars(User.objects.get()) | {"_state": None} == before
    assert not theirs.groups.exists()


@pytest.mark.django_db
def test_the_demo_s_own_account_gets_a_new_password_at_each_start() -> None:
    assert set_up(password="first") == set_up(password="second")
    user = User.objects.get()
    assert (user.check_password("second"), user.is_superuser) == (True, False)
    assert (user.is_staff, user.is_active, user.email) == (True, True, ADDRESS)
    assert [group.name for group in user.groups.all()] == ["Workflow operators"]


@pytest.mark.parametrize("more", [[], ["--no-serve"]])
def test_a_missing_file_is_told(tmp_path: Path, more: list[str]) -> None:
    file = tmp_path / "none.csv"

    assert refusal(f"--invoices={file}", *more) == f"There is no file {file}."
    assert refusal(f"--invoices={tmp_path}", *more) == f"There is no file {tmp_path}."


@pytest.mark.parametrize("more", [[], ["--no-serve"]])
def test_a_file_of_which_nothing_can_be_paid_is_told(tmp_path: Path, more: list[str]) -> None:
    file = tmp_path / "empty.csv"
    file.touch()

    assert refusal(f"--invoices={file}", *more) == "There is no invoice in empty.csv."


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told = os.strerror(errno.EADDRINUSE)

        assert refusal(f"--port={port}") == (
            f"Port {port} can't be used: {told}. Choose another by --port."
        )


@pytest.mark.parametrize(
    ("option", "value", "highest"),
    [
        ("--port", "0", 65535),
        ("--port", "65536", 65535),
        ("--port", "http", 65535),
        ("--time-limit", "0", 86400),
        ("--time-limit", "86401", 86400),
        ("--time-limit", "-1", 86400),
    ],
)
def test_a_number_out_of_range_is_told(option: str, value: str, highest: int) -> None:
    assert refusal(f"{option}={value}") == (
        f"Error: argument {option}: {value!r} is not between 1 and {highest}"
    )
    assert [whole_number(text, 1, highest) for text in ("1", str(highest))] == [1, highest]


def test_a_server_that_can_not_be_reached_is_told(tmp_path: Path) -> None:
    nowhere = "postgres://nobody@127.0.0.1:1/workflows"
    demo = DemoProcess(tmp_path / "demo", "--no-serve", DATABASE_URL=nowhere)

    assert demo.wait() == 1
    assert demo.stderr.startswith("CommandError: The demo can't make a database of its own: ")
    assert demo.stderr.count("\n") < 5
