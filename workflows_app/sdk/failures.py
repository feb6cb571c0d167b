"""How authors' code tells the host what a failure means.

From `execute`, `NotApplied` is the only verdict "it did not happen"; every other exception leaves
the outcome unknown. From handlers, `TransientError` asks for a retry with backoff; every other
exception is a fault of the code.
"""

from __future__ import annotations


class NotApplied(Exception):
    """The outside effect did certainly not happen.

    `retryable=True`: trying later may work (a connection refused, a busy system). False: the
    outside system said no to these parameters; only other code or other data will help.
    `caller_fault=True`: the call was wrong, whatever its parameters: a secret is missing, or a token is not
    taken. That is no answer to the events, so the run fails even if the consumer has `handles_rejection`.
    `unsent=True`: nothing left for the outside system. So nobody has answered, and no circuit breaker closes by it.
    """

    def __init__(
        self,
        reason: str = "",
        *,
        retryable: bool = False,
        caller_fault: bool = False,
        unsent: bool = False,
    ) -> None:
        self.reason = str(reason)
        self.retryable = retryable
        self.caller_fault = caller_fault
        self.unsent = unsent
        super().__init__(self.reason)


class TransientError(Exception):
    """Something that a handler needs is away for the moment; run it again later."""
