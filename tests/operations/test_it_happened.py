"""It happened: the run goes on with what a person found; nothing is sent (P1, P3)."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from pytest_django import Settings

from tests.models.rows import NOON, Rows
from tests.operations.readiness import (
    SceneMaker,
    may_only,
    refusal,
)
from workflows_app import registry
from workflows_app.models import Mutation, Run
from workflows_app.operations import it_happened
from workflows_app.testing import scripted

pytestmark = pytest.mark.django_db

NUMBER = {"number": "The payment's number", "day": "The day on which it was booked"}
ASKED_FOR = "“number” (The payment's number), “day” (The day on which it was booked)"
FOUND = {"number": "4711", "day": "2026-02-03"}


@pytest.fixture
def numbered(scene: SceneMaker) -> Run:
    """A blocked run whose mutator wants to know two things if it happened."""
    mutator = scripted("lost")
    mutator.result_fields = NUMBER
    return scene(mutator=mutator).happens(days=0)


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (None, f"The result lacks “number”, “day”. Asked for: {ASKED_FOR}."),
        (
            {**FOUND, "iban": "DE02", "bic": "X"},
            f"The result has “iban”, “bic”, which nobody asked for: {ASKED_FOR}.",
        ),
        (
            {**FOUND, "day": " \u200b\t"},
            "“The day on which it was booked” (day) must be a text of visible characters.",
        ),
    ],
)
def test_a_result_without_what_the_mutator_asks_for_is_refused(
    numbered: Run, operator_user: User, result: Any, why: str
) -> None:
    press = partial(it_happened, result=result)

    assert refusal(press, numbered, operator_user) == ("result_invalid", why)


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (
            "4711",
            'The result must be a JSON object, as {"number": "4711"}, or nothing at all, not str.',
        ),
        ({"day": {1, 2}}, "result.day is not JSON: set has no JSON form."),
    ],
)
def test_without_the_code_too_what_is_no_json_object_is_refused(
    blocked: Run, operator_user: User, result: Any, why: str
) -> None:
    press = partial(it_happened, result=result)
    with registry.override():
        registry.declared.pop("pay")

        assert refusal(press, blocked, operator_user) == ("result_invalid", why)


def test_a_result_over_the_size_limit_is_refused(blocked: Run, operator_user: User) -> None:
    limit = 30
    _mutator().policy = {"json_max_bytes": limit}
    press = partial(it_happened, result={"text": "x" * limit})

    code, why = refusal(press, blocked, operator_user)

    assert code == "result_invalid"
    assert why.startswith(f"result takes {limit + 11:,} bytes as JSON; at most {limit:,}")


def test_without_the_code_any_json_object_will_do(numbered: Run, operator_user: User) -> None:
    with registry.override():
        registry.declared.pop("pay")
        it_happened(numbered, actor=operator_user, reason="it is there", result={"any": 1})

    assert Mutation.objects.get().result == {"any": 1}


def test_the_author_s_check_is_told_all_and_its_words_are_the_refusal(
    numbered: Run, operator_user: User
) -> None:
    seen: list[Any] = []

    def check_result(self: object, params: Any, result: Any) -> None:
        seen.append((dict(params), dict(result), connection.in_atomic_block))
        params.clear()
        result.clear()
        if seen[-1][1]["number"] != "4711":
            raise ValueError("The bank's numbers begin with 47.\ud800")

    _mutator().check_result = check_result
    press = partial(it_happened, result={**FOUND, "number": "0815"})

    assert refusal(press, numbered, operator_user) == (
        "result_invalid",
        "The bank's numbers begin with 47.\\ud800",
    )
    spaced = {**FOUND, "number": " 4711\n"}
    it_happened(numbered, actor=operator_user, reason="it is there", result=spaced)
    assert [is_locked for *_, is_locked in seen] == [False, False]
    assert seen[-1][:2] == ({"amount": "12.50"}, FOUND)
    assert Mutation.objects.get().result == FOUND


@pytest.mark.parametrize(
    "error", [KeyError("secret-account"), SystemExit("secret-account"), KeyboardInterrupt(), None]
)
def test_a_check_that_fails_itself_or_hangs_is_refused_in_plain_words_and_logged(
    numbered: Run,
    operator_user: User,
    caplog: pytest.LogCaptureFixture,
    settings: Settings,
    released: threading.Event,
    error: BaseException | None,
) -> None:
    settings.WORKFLOWS = {"handler_timeout_seconds": 0.2}

    def check_result(self: object, params: Any, result: Any) -> None:
        if error is None:
            released.wait(20)
        raise error or KeyError("too late")

    _mutator().check_result = check_result
    caplog.clear()

    code, why = refusal(partial(it_happened, result=FOUND), numbered, operator_user)

    assert (code, why) == (
        "result_invalid",
        "The code of scripted failed while it checked the result. Nothing was changed. Tell the"
        " maintainers of the workflow: the log says what went wrong.",
    )
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (
        logging.ERROR,
        "mutator.check_result_failed mutator=scripted",
    )
    assert record.exc_info is not None
    told = "it took longer than 0.2 s" if error is None else type(error).__name__
    told = "secret-account" if isinstance(error, KeyError) else told
    assert record.exc_info[1].args[0] == told


def test_who_may_not_decide_or_comes_too_late_is_told_that_and_not_what_is_wrong_with_the_result(
    numbered: Run, operator_user: User
) -> None:
    press = partial(it_happened, result={"wrong": 1})

    assert refusal(press, numbered, operator_user)[0] == "result_invalid"
    assert refusal(press, numbered, may_only("petra", "skip_run"))[0] == "permission_denied"
    it_happened(numbered, actor=operator_user, reason="it is there", result=FOUND)
    assert refusal(press, numbered, operator_user)[0] == "not_blocked"


def test_where_nothing_is_asked_for_two_runs_may_have_the_same_result(
    scene: SceneMaker, operator_user: User
) -> None:
    play = scene("lost")
    for message_id in ("41", "42"):
        run = play.happens(message_id, days=0)
        it_happened(run, actor=operator_user, reason="it is there", result={"number": "4711"})
        play.run_host()

    assert [one.result for one in Mutation.objects.all()] == [{"number": "4711"}] * 2


def test_an_effect_of_another_outside_system_may_have_the_same_number(
    numbered: Run, operator_user: User
) -> None:
    rows = Rows("other")
    Mutation.objects.create(
        run=rows.run("committed"), mutator="mail.send", params={}, idempotency_key="k", status="applied",
        resolved_by="response", result=FOUND, sent_at=NOON, resolved_at=NOON,
    )  # fmt: skip

    it_happened(numbered, actor=operator_user, reason="it is there", result=FOUND)

    assert Mutation.objects.get(run=numbered).result == FOUND


def _mutator() -> Any:
    return registry.mutator("pay", "scripted")
