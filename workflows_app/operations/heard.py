"""What the outside system has said about a blocked run so far, and what its next answer would change (P1, P3, P7).

A definite answer counts if nothing has said the opposite: then it settles the run, and wins over a person. Where its
answers contradict each other nobody can know by asking, and a person decides who has seen them all. Operations follow
these rules, and dialogs tell them.
"""

from __future__ import annotations

from enum import Enum

from workflows_app.models import Evidence, Run

Verdict = Evidence.Verdict
OPPOSITE = {Verdict.APPLIED: Verdict.NOT_APPLIED, Verdict.NOT_APPLIED: Verdict.APPLIED}
#: What was heard without settling anything.
_HEARD = (Evidence.Kind.LATE, Evidence.Kind.PROBE)


class IfOpposite(Enum):
    """What becomes of a person's word if the outside system now says the opposite."""

    #: The answer counts, and settles the run.
    SETTLES = "settles"
    #: It contradicts an earlier answer, which the person has seen alone: they are shown it, and decide again.
    IS_SHOWN = "is shown"
    #: They have seen that its answers contradict each other, and decide.
    PERSON_DECIDES = "person decides"


def definite(run: Run) -> list[Evidence]:
    """Return what the outside system has said for sure about the effect of `run`, the oldest first."""
    # Of many runs the evidence has been read in one go.
    told = (item for item in run.mutation.evidence.all() if item.verdict != Verdict.UNKNOWN)
    return sorted(told, key=lambda item: item.pk)


def said(run: Run) -> str:
    """Return what all its definite answers about the blocked `run` say; nothing if there is none, or both were said."""
    if run.status != Run.Status.BLOCKED:
        return ""
    verdicts = {item.verdict for item in definite(run)}
    return verdicts.pop() if len(verdicts) == 1 else ""


def answer_about(run: Run) -> Evidence | None:
    """Return what the outside system answered a person about the blocked `run`, if nothing says the opposite."""
    if not said(run):
        return None
    probes = [item for item in definite(run) if item.kind == Evidence.Kind.PROBE]
    return probes[-1] if probes else None


def outside_says(run: Run, verdict: Verdict) -> bool:
    """Tell whether the outside system answered a person that it is so, and nothing says the opposite."""
    answer = answer_about(run)
    return answer is not None and answer.verdict == verdict


def counts(run: Run, verdict: str) -> bool:
    """Tell whether the answer `verdict` settles `run`: the question is open, and nothing says the opposite.

    An earlier "not there" for a person is no contradiction: by now it may be there. "Not there" is one to any answer that
    it happened: to do it anew would do it twice.
    """
    if verdict == Verdict.UNKNOWN or run.status != Run.Status.BLOCKED:
        return False
    heard = _HEARD if verdict == Verdict.NOT_APPLIED else (Evidence.Kind.LATE,)
    opposite = OPPOSITE[Verdict(verdict)]
    return not any(item.kind in heard and item.verdict == opposite for item in definite(run))


def if_opposite(run: Run, says: Verdict) -> IfOpposite:
    """Return what becomes of it if a person `says` so about the blocked `run`, and the outside the opposite."""
    opposite = OPPOSITE[says]
    if counts(run, opposite):
        return IfOpposite.SETTLES
    is_known = any(item.verdict == opposite for item in definite(run))
    return IfOpposite.PERSON_DECIDES if is_known else IfOpposite.IS_SHOWN


def says_it_happened(run: Run) -> Evidence | None:
    """Return the newest answer that says that the effect of the blocked `run` did happen, if any did."""
    heard = [item for item in definite(run) if item.verdict == Verdict.APPLIED]
    return heard[-1] if heard else None


def last_probe(run: Run) -> Evidence | None:
    """Return what the outside system answered when it was last asked for a person, if it was."""
    probes = (item for item in run.mutation.evidence.all() if item.kind == Evidence.Kind.PROBE)
    return max(probes, key=lambda item: item.pk, default=None)
