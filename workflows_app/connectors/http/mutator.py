"""An outside effect by one HTTP request.

What an answer proves is decided here, and narrowly (P3): 2xx is "it happened"; a connection that
was never made, and the statuses in `not_applied_statuses`, are "it did not happen"; all else is
unknown. 5xx, 406, 409 and 429 are not taken for granted: servers answer them after having done the
work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

import httpx

from workflows_app.connectors.http.address import filled
from workflows_app.connectors.http.answer import HttpAnswer
from workflows_app.connectors.http.exchange import NoAnswer, exchange
from workflows_app.connectors.http.headers import (
    ALWAYS,
    DEFAULTS,
    filled_headers,
    plain_secrets,
    require_own,
)
from workflows_app.connectors.http.network import NotSent
from workflows_app.connectors.http.values import (
    require_headers,
    require_values,
    statuses_without_effect,
    wrong_address,
)
from workflows_app.errors import DefinitionError
from workflows_app.scrubbing import scrub
from workflows_app.sdk.failures import NotApplied
from workflows_app.sdk.mutators import Mutator
from workflows_app.sdk.signatures import MUTATOR_CALLS, HostCall
from workflows_app.secrets import Secret, filled_in, known_values

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
#: Methods whose requests have no body unless the author writes one.
_WITHOUT_BODY = ("GET", "DELETE")
_EXCERPT = 300
_TOLD_LENGTH = 1000


class UnclearAnswer(Exception):
    """The outside system answered, but the answer does not say whether it happened."""


class HttpMutator(Mutator):
    """Base of mutators that send one request. Its unknown outcomes go to a person.

    Subclasses set `name` and `url`, and mostly `body`. See `HttpLookupMutator` for outside systems
    that can be asked.
    """

    method: ClassVar[str] = "POST"
    #: With fields of the params in braces, as "https://bank.example/accounts/{account}/payments".
    url: ClassVar[str] = ""
    #: Values may be a `Secret`. Neither the idempotency header nor how the message is sent is theirs.
    headers: ClassVar[Mapping[str, str | Secret]] = {}
    #: The header that carries the idempotency key; empty if the outside system knows none.
    idempotency_header: ClassVar[str] = "Idempotency-Key"
    #: Until the connection is there, a proxy and the handshake included.
    connect_timeout_seconds: ClassVar[float] = 5.0
    #: From then on until the last byte of the answer. `call_timeout_seconds` of the policy ends both.
    read_timeout_seconds: ClassVar[float] = 20.0
    #: Statuses that prove that it did not happen: the server refused the request as such.
    not_applied_statuses: ClassVar[Collection[int]] = frozenset(
        {400, 401, 403, 404, 405, 410, 411, 413, 414, 415, 422}
    )
    #: Those of `not_applied_statuses` after which trying later may work.
    retryable_statuses: ClassVar[Collection[int]] = frozenset()
    #: Those of `not_applied_statuses` that are about the token, the method or the form of the request, and
    #: so no answer to the events: the run fails even if the consumer has `handles_rejection`.
    caller_fault_statuses: ClassVar[Collection[int]] = frozenset({401, 403, 405, 411, 415})
    #: The most bytes of an answer's body, unpacked.
    answer_max_bytes: ClassVar[int] = 100_000

    _host_calls: ClassVar[tuple[HostCall, ...]] = (
        *MUTATOR_CALLS,
        HostCall("request_url", ("params",)),
        HostCall("body", ("params",)),
        HostCall("result_from", ("status", "body")),
    )

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Check limits, statuses, and that all headers are the author's. Raises DefinitionError."""
        super().__init_subclass__(**arguments)
        require_values(cls)
        require_headers(cls)
        if isinstance(cls.headers, Mapping):
            try:
                require_own(cls.headers, cls.idempotency_header)
            except ValueError as error:
                raise DefinitionError(f"{cls.__qualname__}: {error}.") from None

    @classmethod
    def declared_wrongly(cls) -> Iterator[str]:
        if cls.request_url is HttpMutator.request_url:
            yield from wrong_address("url", cls.url)
        if cls.method not in _METHODS:
            yield f"method is {cls.method!r}: it must be one of {', '.join(_METHODS)}"
        yield from statuses_without_effect(cls, HttpMutator)

    def request_url(self, params: Any) -> str:
        """Return the address of the request."""
        return self.url

    def body(self, params: Any) -> Any:
        """Return the JSON body, in which a `Secret` may stand for a text; None sends none.

        By default the params, but none for GET and DELETE.
        """
        return None if self.method in _WITHOUT_BODY else params

    def result_from(self, status: int, body: Any) -> Any:
        """Return what is kept of an answer that says that it happened: `outcome.result` of `next`.

        `body`: the JSON, or the text; of a look-up, what `found` returned. With `result_fields`, name its fields as they
        are there: then `next` finds them, and two runs with the same result are told, whoever said it.
        """
        return {"status": status, "body": body}

    def execute(self, params: Any, *, idempotency_key: str) -> Any:
        try:
            name = self.idempotency_header
            key_header = {name: idempotency_key} if name else {}
            request = self._request(
                self.method,
                self.request_url(params),
                params,
                idempotency_key,
                headers=key_header,
                body=self.body(params),
            )
        except Exception as error:
            # Before anything was sent, so any error is a sure no; but not the outside system's.
            told = self._told("The request can't be built", error)
            raise NotApplied(told, caller_fault=True, unsent=True) from None
        try:
            answer = self._exchange(request)
        except NotSent as error:
            told = self._told("Nothing was sent", error)
            raise NotApplied(told, retryable=True, unsent=True) from None
        except Exception as error:
            raise UnclearAnswer(self._told("No complete answer", error)) from None
        return self._read(answer)

    def _read(self, answer: HttpAnswer) -> Any:
        if 200 <= answer.status < 300:
            return self.result_from(answer.status, answer.body)
        told = f"{self.method} answered {answer.status}: {answer.text[:_EXCERPT]}"
        if answer.status in self.not_applied_statuses:
            raise NotApplied(
                told,
                retryable=answer.status in self.retryable_statuses,
                caller_fault=answer.status in self.caller_fault_statuses,
            )
        raise UnclearAnswer(told)

    def _request(
        self,
        method: str,
        url: str,
        params: Any,
        idempotency_key: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> httpx.Request:
        require_values(self)
        if method not in _METHODS:
            raise ValueError(f"method {method} is none of {', '.join(_METHODS)}")
        require_own(self.headers, self.idempotency_header)
        own = filled_headers({**self.headers, **(headers or {})})
        said = {name.lower() for name in own}
        defaults = {name: value for name, value in DEFAULTS.items() if name.lower() not in said}
        sent = {**defaults, **own, **ALWAYS}
        given = params if isinstance(params, dict) else {}
        address = filled(url, {**given, "idempotency_key": idempotency_key})
        if body is None:
            return httpx.Request(method, address, headers=sent)
        return httpx.Request(method, address, headers=sent, json=filled_in(body))

    def _exchange(self, request: httpx.Request) -> HttpAnswer:
        answer = exchange(
            request,
            connect_seconds=self.connect_timeout_seconds,
            read_seconds=self.read_timeout_seconds,
            limit_bytes=int(self.answer_max_bytes),
        )
        return answer.without(self._secrets())

    def _secrets(self) -> list[str]:
        try:
            return [*known_values(), *plain_secrets(self.headers)]
        except Exception:
            # Headers of a property that can't be read were not sent.
            return known_values()

    def _told(self, what: str, error: Exception) -> str:
        is_told = isinstance(error, NotSent | NoAnswer)
        why = str(error) if is_told else f"{type(error).__name__}: {error}"
        told = scrub(f"{what}: {why}", self._secrets())
        # The end says which status came, if any.
        return told if len(told) <= _TOLD_LENGTH else f"{told[:_TOLD_LENGTH]} … {told[-100:]}"
