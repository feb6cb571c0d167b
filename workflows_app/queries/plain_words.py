"""What an answer, or its absence, means: for a person who knows the outside system and not the code (P3).

Each kind of trouble leaves the same mark in the detail of an evidence, whoever wrote the mutator: the name of an
exception, a status of HTTP, or the host's own words. Here that becomes a sentence that says what may have
happened outside. None of these sentences says more than is known.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from workflows_app.models import Evidence, Mutation, Run

#: What the detail of an evidence of an unknown outcome says, and what that means. The first that fits counts.
_MEANINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (
            r"^the worker ended",
            gettext_noop(
                "The worker that made the call ended before it could write down what came of it. The call"
                " may have been carried out, in part or in full, or may never have arrived."
            ),
        ),
        (
            r"^not there, which proves nothing before (?P<told>[-\d: A-Z+]+)",
            gettext_noop(
                "The outside system does not show it yet. Its search may lag behind, so before %(told)s that"
                " proves nothing."
            ),
        ),
        (
            r"^no answer within (?P<told>[\d.]+) s",
            gettext_noop(
                "No answer came within %(told)s seconds. The outside system may have done it all the same:"
                " being slow is not a no."
            ),
        ),
        (
            r"^the call returned, but",
            gettext_noop(
                "The outside system answered as if it had happened, but the answer can't be kept. It"
                " probably happened, and nobody has confirmed it."
            ),
        ),
        (
            r"\(it answered 2\d\d\)$|(AnswerTooLarge|DecodingError)(?!.*\(it answered)",
            gettext_noop(
                "The outside system answered, but the answer could not be read to its end. It may well have"
                " happened."
            ),
        ),
        (
            r"answered 50[24]\b|\b50[24] (Bad Gateway|Gateway Time)",
            gettext_noop(
                "A server in between got no answer from the outside system itself. That one may have done"
                " it, or may never have heard of it."
            ),
        ),
        (
            r"answered (?P<status>5\d\d)\b|\b5\d\d (Internal|Service)",
            gettext_noop(
                "The outside system answered with an error of its own%(status)s. Such an error can come before"
                " the work was done, or after."
            ),
        ),
        (
            r"answered 409\b",
            gettext_noop(
                "The outside system answered that it conflicts with something (409). Often that means that"
                " the same was done before, by this call or by another."
            ),
        ),
        (
            r"answered 429\b",
            gettext_noop(
                "The outside system answered that it gets too many calls (429). Usually nothing was done"
                " then; it is not certain."
            ),
        ),
        (
            r"answered (?P<status>\d\d\d)\b",
            gettext_noop(
                "The outside system gave an answer%(status)s of which the workflow's author did not say what it"
                " means."
            ),
        ),
        (
            r"\b\w*Time[oO]ut\w*[:(]|(?i:timed out)",
            gettext_noop(
                "The outside system took too long to answer. It may have done it all the same: being slow"
                " is not a no."
            ),
        ),
        (
            # By names of exceptions, and what libraries say: of others "closed" may be about anything.
            r"\b\w*(Connection(Reset|Aborted)?|BrokenPipe|Protocol|Read|Write|Close)Error\b|Disconnected"
            r"|IncompleteRead|(?i:broken pipe|connection (reset|aborted|(was |unexpectedly )?closed)"
            r"|server disconnected|closed (the )?connection)",
            gettext_noop(
                "The connection broke after the call had gone out. Whatever had arrived by then may have"
                " been carried out; the answer was lost on the way."
            ),
        ),
    )
)
#: The same of an answer to the question whether it happened.
_ASKED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (
            r"answered (?P<status>[45]\d\d)\b",
            gettext_noop("It answered with an error%(status)s, and so did not say."),
        ),
        (
            r"answered (?P<status>[123]\d\d)\b|^(UnclearAnswer|AnswerTooLarge|DecodingError)\b(?!.*\(it)",
            gettext_noop("Its answer%(status)s does not say whether it happened."),
        ),
        (
            r"^(no (answer|connection)|\w*(Time[oO]ut|Connect|Connection\w*|BrokenPipe|Disconnected"
            r"|Protocol|Read|Write|Close|Network|SSL\w*|URL|OS|gai)([eE]rror|Exception)?:)",
            gettext_noop("It gave no answer to that."),
        ),
        (
            r"^(\w+(Error|Exception)\b|reconcile returned |the answer can't be read: )",
            gettext_noop("The workflow's code failed while it asked."),
        ),
    )
)
_OTHER = gettext_noop(
    "The code that makes the call ended with an error that does not say whether the call had gone"
    " out. It may have been carried out."
)
_STILL_RUNNING = gettext_noop(
    "The call was not stopped by that: it may still be running. Should its answer come, it is shown at the"
    " top of this page."
)
#: The body of an answer: the outside system's own words.
_BODY = re.compile(r"(?<=answered \d{3}): .*", re.DOTALL)
#: What libraries raise in place of an answer of HTTP, up to its status.
_RAISED = re.compile(r"^HTTP\w*Error: \D{0,20}(?=[1-5]\d\d\b)")
#: An answer of HTTP with its body.
_ANSWERED = re.compile(r"answered (?P<status>\d{3}): (?P<body>\{.*\})\s*$", re.DOTALL)
#: After these words of the host's nobody knows whether the call has ended.
_MAY_RUN = re.compile(r"^no answer within ")
#: So begins the connector's no to a call that never left.
_UNSENT = re.compile(r"The request can't be built: |Nothing was sent: ")


def why_unknown(evidence: Sequence[Evidence]) -> list[str]:
    """Return sentences that say why nobody knows whether it happened, from all evidence, the oldest first."""
    calls = [item for item in evidence if item.kind == Evidence.Kind.EXECUTE]
    sentences = [meaning(calls[-1].detail)] if calls else []
    has_come = any(item.kind == Evidence.Kind.LATE for item in evidence)
    if calls and not has_come and _MAY_RUN.match(calls[-1].detail):
        sentences.append(_(_STILL_RUNNING))
    asked = [
        item for item in evidence if item.kind not in (Evidence.Kind.EXECUTE, Evidence.Kind.LATE)
    ]
    if asked and asked[-1].verdict == Evidence.Verdict.UNKNOWN:
        how_often = ngettext(
            "The outside system was asked once.",
            "The outside system was asked %(number)s times.",
            len(asked),
        ) % {"number": len(asked)}
        sentences.append(f"{how_often} {_could_not_say(asked[-1])}")
    return sentences


def meaning(detail: str) -> str:
    """Return what the detail of an unknown outcome means, in a sentence or two."""
    # The outside system's words could be like the host's, and mean something else.
    own = _BODY.sub("", detail)
    return _first(_MEANINGS, own) or _(_OTHER)


def _first(meanings: tuple[tuple[re.Pattern[str], str], ...], detail: str) -> str:
    told = _RAISED.sub("answered ", detail)
    for pattern, sentence in meanings:
        found = pattern.search(told)
        if found is not None:
            named = found.groupdict()
            status = f" ({named['status']})" if named.get("status") else ""
            return _(sentence) % {"status": status, "told": (named.get("told") or "").strip()}
    return ""


def heard(detail: str) -> str:
    """Return what the outside system answered as a text with its status; the detail itself if it is no such answer."""
    found = _ANSWERED.search(detail)
    try:
        body = json.loads(found["body"]) if found else None
    except ValueError:
        return detail
    texts = (
        [each for each in body.values() if isinstance(each, str)] if isinstance(body, dict) else []
    )
    return f"{texts[0]} ({found['status']})" if found and len(texts) == 1 else detail


def was_refused(run: Run) -> bool:
    """Tell whether the outside system said no for good to what `run` asked of it, also if the workflow handled that."""
    effect = run.settled_mutation
    is_handled = run.phase in (Run.Phase.MUTATED, Run.Phase.EMITTING, Run.Phase.COMMITTED)
    said_no = effect is not None and effect.status == Mutation.Status.FAILED
    return run.failure_kind == Run.FailureKind.REJECTED or (said_no and is_handled)


def in_a_line(item: Evidence, *, is_refusal: bool = False) -> str:
    """Return what one call to the outside system told, in a line. `is_refusal`: it said no to the call for good."""
    is_no = item.kind == Evidence.Kind.EXECUTE and item.verdict == Evidence.Verdict.NOT_APPLIED
    if is_no and _UNSENT.match(item.detail):
        return _("Nothing was sent outside.")
    if is_no and is_refusal:
        return _("It refused it for good: %(said)s") % {"said": heard(item.detail)}
    if item.verdict == Evidence.Verdict.APPLIED:
        return _("It says: it happened.")
    if item.verdict == Evidence.Verdict.NOT_APPLIED:
        return _("It says: it did not happen.")
    if item.kind == Evidence.Kind.EXECUTE:
        return meaning(item.detail).split(". ")[0].rstrip(".") + "."
    return _could_not_say(item)


def _could_not_say(item: Evidence) -> str:
    """Return why a question had no definite answer."""
    if item.detail.startswith(("not there", "the call returned, but")):
        return meaning(item.detail)
    if not item.detail:
        return _("It could not say.")
    failed = item.detail.removeprefix("The lookup failed: ")
    return _first(_ASKED, failed) or _("It could not say yet.")
