"""An outside effect by HTTP that can be looked up there."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

from workflows_app.connectors.http.answer import HttpAnswer
from workflows_app.connectors.http.mutator import HttpMutator, UnclearAnswer
from workflows_app.connectors.http.values import wrong_address
from workflows_app.sdk.signatures import HostCall
from workflows_app.sdk.values import Reconciliation

_MAYBE_NOTHING = "%s: `found` of the mutator has to say whether that means “not there”"


class HttpLookupMutator(HttpMutator):
    """An `HttpMutator` whose effect a GET of `lookup_url` can find.

    Set `absence_is_proof_after` to how long the outside system's search may lag.
    """

    must_say: ClassVar[Mapping[str, str]] = {
        "absence_is_proof_after": "how long the outside system's search may lag"
    }
    #: With fields of the params, and {idempotency_key}, in braces.
    lookup_url: ClassVar[str] = ""
    #: Statuses of the lookup that mean: not there.
    absent_statuses: ClassVar[Collection[int]] = frozenset({404, 410})

    _host_calls = (
        *HttpMutator._host_calls,
        HostCall("request_lookup_url", ("params",)),
        HostCall("found", ("answer",)),
    )

    @classmethod
    def declared_wrongly(cls) -> Iterator[str]:
        yield from super().declared_wrongly()
        if cls.request_lookup_url is HttpLookupMutator.request_lookup_url:
            yield from wrong_address("lookup_url", cls.lookup_url)

    def request_lookup_url(self, params: Any) -> str:
        """Return the address of the lookup."""
        return self.lookup_url

    def found(self, answer: HttpAnswer) -> Any | None:
        """Return what the lookup found, or None if the outside system says that it is not there.

        By default an answer of empty JSON (null, [], {}) means that. Another value that is false (0, false, ""), and
        an object that holds an empty list may be either: the thing itself, or a "nothing" that is wrapped, as
        {"items": []}. Override it to tell the two apart. Whatever is raised means: ask again later.
        """
        if not answer.is_json:
            raise UnclearAnswer("the answer is not JSON")
        body = answer.body
        if body is None or body in ([], {}):
            return None
        if not body:
            raise UnclearAnswer(_MAYBE_NOTHING % f"it is {answer.text:.20}")
        if isinstance(body, Mapping) and any(part == [] for part in body.values()):
            raise UnclearAnswer(_MAYBE_NOTHING % "it holds an empty list")
        return body

    def reconcile(self, params: Any, *, idempotency_key: str) -> Reconciliation:
        """Look the effect up. Whatever is no clear answer means: ask again later."""
        try:
            address = self.request_lookup_url(params)
            answer = self._exchange(self._request("GET", address, params, idempotency_key))
            if answer.status in self.absent_statuses:
                return Reconciliation.not_applied(f"the lookup answered {answer.status}")
            if answer.status != 200:
                return Reconciliation.retry(f"the lookup answered {answer.status}")
            found = self.found(answer)
            if found is None:
                return Reconciliation.not_applied("the lookup found nothing")
            return Reconciliation.applied(self.result_from(answer.status, found))
        except Exception as error:
            return Reconciliation.retry(self._told("The lookup failed", error))
