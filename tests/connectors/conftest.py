"""The outside system of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.connectors.server import Outside, authority
from tests.connectors.token import VALUE
from workflows_app.connectors.http import exchange

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def outside() -> Iterator[Outside]:
    server = Outside()
    yield server
    server.close()


@pytest.fixture
def outside_by_tls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Outside]:
    """The outside system at an https address, with a certificate that is trusted."""
    certificate = tmp_path / "authority.pem"
    authority().cert_pem.write_to_path(str(certificate))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    exchange._tls.cache_clear()
    server = Outside(scheme="https")
    yield server
    server.close()
    exchange._tls.cache_clear()


@pytest.fixture
def token(settings: Settings) -> None:
    """The secret of these tests is set."""
    settings.BANK_TOKEN = VALUE
