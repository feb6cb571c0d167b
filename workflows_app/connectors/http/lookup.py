"""An outside effect by HTTP that can be looked up there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from workflows_app.connectors.http.answer import HttpAnswer
from workflows_app.connectors.http.mutator import HttpMutator, UnclearAnswer
from workflows_app.sdk.values import Reconciliation


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

    def request_lookup_url(self, params: Any) -> str:
        """Return the address of the lookup."""
        return self.lookup_url

    def found(self, answer: HttpAnswer) -> Any | None:
        """Return what the lookup found, or None if the outside system says that it is not there.

        By default an answer of empty JSON (null, [], {}) means that. Override it where "nothing" is
        wrapped, as in {"items": []}. Whatever is raised means: ask again later.
        """
        if not answer.is_json:
            raise UnclearAnswer("the answer is not JSON")
        return answer.body or None

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
        except Exception as error:
            return Reconciliation.retry(self._told("The lookup failed", error))
        if found is None:
            return Reconciliation.not_applied("the lookup found nothing")
        return Reconciliation.applied({"status": answer.status, "body": found})
