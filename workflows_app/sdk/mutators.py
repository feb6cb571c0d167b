"""Mutators: the code that performs one kind of outside effect, and may be able to look it up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from workflows_app.sdk.signatures import MUTATOR_CALLS, HostCall


class Mutator:
    """One kind of outside effect.

    Subclasses set `name`, unique in the workflow, and implement `execute`. A subclass that can
    find out whether a call happened also defines
    `reconcile(self, params, *, idempotency_key) -> Reconciliation`; one that can't leaves it out,
    and its unknown outcomes go to a person.
    """

    name: ClassVar[str] = ""
    #: How long after sending the outside system's search may still miss an effect that happened.
    absence_is_proof_after: ClassVar[timedelta] = timedelta(0)
    #: Attributes that each subclass has to set, since no default is right, and what they tell.
    must_say: ClassVar[Mapping[str, str]] = {}
    #: Overrides of the `WORKFLOWS` setting for this mutator, as {"call_timeout_seconds": 5}.
    policy: ClassVar[Mapping[str, Any]] = {}

    #: How long after the first call the outside system honours the idempotency key: until then a second
    #: call with it does nothing. None: it honours no key. Left out: nobody knows, and the dialogs say so.
    key_lasts: ClassVar[timedelta | None] = None

    #: What a person who says that it happened is asked for: names, and what they are for people, as
    #: {"payment": "The bank's payment number"}. `next` gets a result of these texts. What they are
    #: for may be of gettext_lazy.
    result_fields: ClassVar[Mapping[str, Any]] = {}

    #: Parameters and results that only people with `view_sensitive` see: names at any depth, as "iban", or
    #: with the name right above, as "bank.iban". Masked wherever they are shown.
    secret_params: ClassVar[Sequence[str]] = ()

    #: The methods that are called, and how: checked at import.
    _host_calls: ClassVar[tuple[HostCall, ...]] = MUTATOR_CALLS

    def execute(self, params: Any, *, idempotency_key: str) -> Any:
        """Make the call. Return the answer as JSON. Raise NotApplied only if sure."""
        raise NotImplementedError(f"{type(self).__name__} must implement execute().")

    def target(self, params: Any) -> str:
        """Say in a few words what the call acts on, as "account 4711". Shown to staff."""
        return ""

    def verification_steps(self, params: Any) -> str:
        """Say how a person can check in the outside system whether it happened."""
        return ""

    def verification_url(self, params: Any) -> str:
        """Return the address at which a person sees whether it happened, by http or https. Empty: none."""
        return ""

    def check_result(self, params: Any, result: Any) -> None:
        """Raise ValueError, which says why, if what a person found can't be the result of this call.

        `result` has the texts of `result_fields`; without these it is any JSON object, or None. It
        is for wrong entries: it looks at what it is given, and calls nothing outside.
        """

    @classmethod
    def can_reconcile(cls) -> bool:
        """Tell whether the host can ask the outside system itself."""
        return callable(getattr(cls, "reconcile", None))

    @classmethod
    def declared_wrongly(cls) -> Iterable[str]:
        """Return what would fail at each call or lookup, for the system check E023."""
        return ()

    @classmethod
    def says(cls, attribute: str) -> bool:
        """Tell whether a subclass has set this attribute, so that it is no default."""
        owner = next((each for each in cls.__mro__ if attribute in vars(each)), Mutator)
        return owner is not Mutator
