"""What a dialog says of asking the outside system first: what its answer would change, and what that leaves to the person.

Each sentence tells what the operation does by `operations.heard`, in the state that the dialog shows.
"""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from workflows_app import registry
from workflows_app.engine.outcomes import absence_is_proof_at
from workflows_app.models import Evidence, Run
from workflows_app.operations.asking import PROBE_SECONDS, can_ask
from workflows_app.operations.heard import IfOpposite, if_opposite, says_it_happened
from workflows_app.operations.it_didnt_happen import IT_DIDNT_HAPPEN

Verdict = Evidence.Verdict


def asked_first(run: Run, says: Verdict) -> str:
    """Say that the outside system is asked first, and what that means for a person who `says` so; nothing if it can't be."""
    if run.status != Run.Status.BLOCKED or not can_ask(run):
        return ""
    asked = _(
        "When you confirm, the outside system is asked first, for %(seconds)s seconds at most."
    ) % {"seconds": f"{PROBE_SECONDS:g}"}
    becomes = if_opposite(run, says)
    if becomes is IfOpposite.PERSON_DECIDES:
        told = _("Its answers contradict each other, so it is your word that counts.")
    elif says == Verdict.APPLIED:
        told = _if_it_says_no(becomes)
    else:
        told = _if_it_says_yes(run, becomes)
    return f"{asked} {told}"


def _if_it_says_no(becomes: IfOpposite) -> str:
    if becomes is IfOpposite.SETTLES:
        return _(
            "If it says clearly that it did not happen, that counts, and not what you say. If it can't say,"
            " it is your word that counts."
        )
    return _(
        "It said before that it happened. If it says now that it did not, nothing is decided: you see that,"
        " and decide again."
    )


def _if_it_says_yes(run: Run, becomes: IfOpposite) -> str:
    if becomes is IfOpposite.IS_SHOWN:
        return _(
            "It said before that it did not happen. If it says now that it happened, nothing is decided: you"
            " see that, and decide again."
        )
    if says_it_happened(run) is None:
        return _(
            "If it says clearly that it happened, that counts, and not what you say: nothing is sent. If it"
            " can't say, it is your word that counts."
        )
    if IT_DIDNT_HAPPEN.insists(run, {}) is None:
        return _(
            "If it says again that it happened, that counts, and not what you say: nothing is sent. If not,"
            " nothing is decided yet: you see what it says, and are asked once more."
        )
    return _(
        "If it says again that it happened, that counts, whatever you tick: nothing is sent. If not, it is"
        " your word that counts."
    )


def proves_nothing_yet(run: Run) -> str:
    """Say until when it proves nothing that the effect is not to be found; nothing if that is over."""
    mutation = run.settled_mutation
    mutator = registry.mutator(run.workflow.slug, mutation.mutator) if mutation else None
    if mutation is None or mutator is None or mutation.ended_at is None:
        return ""
    proof_at = absence_is_proof_at(mutation, mutator)
    if proof_at <= timezone.now():
        return ""
    told = _("Its search may lag: that it is not there proves nothing before %(at)s.")
    return told % {"at": f"{timezone.localtime(proof_at):%Y-%m-%d %H:%M:%S %Z}"}
