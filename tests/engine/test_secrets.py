"""What authors' code tells of a secret is kept and logged without it, also where no connector is in between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps
from pytest_django import Settings

from tests.engine.stage import (
    Deploy,
    calling,
    code,
    consumer,
    host,
    mutator,
    producer,
    send,
    take_one,
)
from workflows_app import secrets
from workflows_app.connectors.http import Secret
from workflows_app.sdk import MutationCall, NotApplied, Reconciliation, TransientError, Workflow

pytestmark = pytest.mark.django_db

TOKEN = Secret("CARRIER_TOKEN")
VALUE = "s3cret-of-the-carrier"


@pytest.fixture(autouse=True)
def token(settings: Settings) -> None:
    settings.CARRIER_TOKEN = VALUE


def fails(*_: Any) -> Any:
    raise RuntimeError(f"the carrier does not take {TOKEN.reveal()}")


def is_refused(*_: Any) -> Any:
    raise NotApplied(f"the carrier does not take {TOKEN.reveal()}", retryable=False)


def is_put_off(*_: Any) -> Any:
    raise TransientError(f"the carrier does not take {TOKEN.reveal()}")


def tells(*_: Any) -> Any:
    return {"sent with": TOKEN.reveal(), TOKEN.reveal(): [1]}


def tells_no_json(*_: Any) -> Any:
    return {TOKEN.reveal()}


def can_not_say(*_: Any) -> Any:
    return Reconciliation.retry(f"the carrier does not take {TOKEN.reveal()}")


def nothing_to_call(*_: Any) -> MutationCall | None:
    return None


CODES: dict[str, Callable[[], type[Workflow]]] = {
    "prepare": lambda: code(consumer(fails)),
    "prepare, for now": lambda: code(consumer(is_put_off)),
    "mutate": lambda: code(consumer(mutate=fails)),
    "next": lambda: code(consumer(take_one, nothing_to_call, fails)),
    "record": lambda: code(consumer(take_one, nothing_to_call, record=fails)),
    "poll": lambda: code(consumer(), producer(fails)),
    "execute": lambda: calling(mutator(fails)),
    "execute, a sure no": lambda: calling(mutator(is_refused)),
    "execute, its result": lambda: calling(mutator(tells)),
    "execute, no JSON": lambda: calling(mutator(tells_no_json)),
    "reconcile": lambda: calling(mutator(fails, fails)),
    "reconcile, its reason": lambda: calling(mutator(fails, can_not_say)),
    "reconcile, its result": lambda: calling(
        mutator(fails, lambda *_: Reconciliation.applied(tells()))
    ),
}


def kept() -> Iterator[str]:
    """Yield all that the tables hold."""
    for model in apps.get_app_config("workflows_app").get_models():
        yield from map(str, model._default_manager.order_by().values())


@pytest.mark.parametrize("where", CODES)
def test_no_secret_is_kept_or_logged(
    deploy: Deploy, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    deploy(CODES[where]())
    send()

    with caplog.at_level(logging.DEBUG, logger="workflows_app"):
        host()
        host(3600)

    everything = [*kept(), caplog.text]
    assert [text for text in everything if VALUE in text] == []
    assert any("[secret]" in text for text in everything)


def test_a_secret_that_is_named_while_all_are_looked_up_disturbs_nobody(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As another thread does, for a call of its own."""
    monkeypatch.setattr(secrets, "_names", {"CARRIER_TOKEN"})

    class Read:
        def __str__(self) -> str:
            Secret(f"TOKEN_{len(secrets._names)}")
            return VALUE

    settings.CARRIER_TOKEN = Read()
    assert secrets.struck_out(f"sent with {VALUE}") == "sent with [secret]"
    assert secrets.names_of_short_ones() == []
    assert "CARRIER_TOKEN" not in secrets.names_of_missing_ones()


def test_a_traceback_in_the_log_has_none_either(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("workflows_app")
    try:
        fails()
    except RuntimeError:
        logger.exception("run.refused said=%s", VALUE)
    logger.warning("run.refused workflow=%s run=%s", "ship", 1)

    assert VALUE not in caplog.text
    assert "RuntimeError: the carrier does not take [secret]" in caplog.text
    assert "run.refused workflow=ship run=1" in caplog.text
    assert "in fails\n" in caplog.text
