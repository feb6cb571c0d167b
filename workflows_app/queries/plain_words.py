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

from workflows_app.models import Evidence

#: What the detail of an evidence of an unknown outcome says, and what that means. The first that fits counts.
_MEANINGS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (
            r"worker (ended|died)",
            gettext_noop(
                "The worker that made the call ended before it could write down what came of it. The call"
                " may have been carried out, in part or in full, or may never have arrived."
            ),
        ),
        (
            r"not there, which proves nothing before (?P<told>[-\d: A-Z+]+)",
            gettext_noop(
                "The outside system does not show it yet. Its search may lag behind, so before %(told)s that"
                " proves nothing."
            ),
        ),
        (
            r"no answer within (?P<told>[\d.]+) s",
            gettext_noop(
                "No answer came within %(told)s seconds. The outside system may have done it all the same:"
                " being slow is not a no."
            ),
        ),
        (
            r"the call returned, but",
            gettext_noop(
                "The outside system answered as if it had happened, but the answer can't be kept. It"
                " probably happened, and nobody has confirmed it."
            ),
        ),
        (
            r"AnswerTooLarge|DecodingError|breaks off|packed",
            gettext_noop(
                "The outside system answered, but the answer could not be read to its end. It may well have"
                " happened."
            ),
        ),
        (
            r"answered 50[24]|\b50[24] (Bad Gateway|Gateway Time)",
            gettext_noop(
                "A server in between got no answer from the outside system itself. That one may have done"
                " it, or may never have heard of it."
            ),
        ),
        (
            r"answered (?P<told>5\d\d)|\b5\d\d (Internal|Service)",
            gettext_noop(
                "The outside system answered with an error of its own%(told)s. Such an error can come before"
                " the work was done, or after."
            ),
        ),
        (
            r"answered 409",
            gettext_noop(
                "The outside system answered that it conflicts with something (409). Often that means that"
                " the same was done before, by this call or by another."
            ),
        ),
        (
            r"answered 429",
            gettext_noop(
                "The outside system answered that it gets too many calls (429). Usually nothing was done"
                " then; it is not certain."
            ),
        ),
        (
            r"answered (?P<told>\d\d\d)",
            gettext_noop(
                "The outside system gave an answer%(told)s of which the workflow's author did not say what it"
                " means."
            ),
        ),
        (
            r"Time-?out|timed out",
            gettext_noop(
                "The outside system took too long to answer. It may have done it all the same: being slow"
                " is not a no."
            ),
        ),
        (
            r"Reset|BrokenPipe|Broken pipe|Aborted|RemoteProtocol|ReadError|WriteError|CloseError"
            r"|disconnected|IncompleteRead|ConnectionError|closed",
            gettext_noop(
                "The connection broke after the call had gone out. Whatever had arrived by then may have"
                " been carried out; the answer was lost on the way."
            ),
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
    for pattern, sentence in _MEANINGS:
        found = pattern.search(detail)
        if found is not None:
            told = found.groupdict().get("told") or ""
            is_status = len(told) == 3 and told.isdecimal()
            return _(sentence) % {"told": f" ({told})" if is_status else told.strip()}
    return _(_OTHER)


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
    if item.detail.startswith("not there"):
        return meaning(item.detail)
    if not item.detail:
        return _("It could not say.")
    status = re.search(r"answered (\d{3})", item.detail)
    if status is not None:
        return _("It answered with an error (%(status)s), and so did not say.") % {
            "status": status[1]
        }
    if re.match(r"\w+(Error|Exception|Timeout|Answer)\b|no answer", item.detail):
        return _("It gave no answer to that.")
    return _("It could not say yet.")
