"""What the page of a run says of an answer, or of its absence: never more than is known."""

from __future__ import annotations

import pytest
from django.utils import translation

from workflows_app.models import Evidence
from workflows_app.queries.plain_words import heard, in_a_line, meaning, why_unknown

#: Details as the host and its connectors write them, and how what they mean begins.
MEANINGS = {
    "no answer within 1.5 s": "No answer came within 1.5 seconds.",
    "no answer within 120 s": "No answer came within 120 seconds.",
    "UnclearAnswer: No complete answer: ReadTimeout: timed out": "The outside system took too long",
    "UnclearAnswer: No complete answer: RemoteProtocolError: Server disconnected without sending a"
    " response.": "The connection broke after the call had gone out.",
    "ConnectionResetError: [Errno 104] Connection reset by peer": "The connection broke after",
    "UnclearAnswer: POST answered 500: oops": "The outside system answered with an error of its own (500).",
    "UnclearAnswer: POST answered 500: the packed order timed out": "The outside system answered with an error"
    " of its own (500).",
    "UnclearAnswer: POST answered 503: try later": "The outside system answered with an error of its own (503).",
    "UnclearAnswer: POST answered 504: ": "A server in between got no answer",
    "UnclearAnswer: POST answered 409: exists": "The outside system answered that it conflicts",
    "UnclearAnswer: POST answered 429: slow": "The outside system answered that it gets too many",
    "UnclearAnswer: POST answered 302: ": "The outside system gave an answer (302) of which",
    "the worker ended before the outcome was recorded": "The worker that made the call ended before",
    "the call returned, but result is no JSON. It returned: set": "The outside system answered as if",
    "UnclearAnswer: No complete answer: AnswerTooLarge: over 100,000 bytes": "The outside system answered, but",
    "UnclearAnswer: No complete answer: ReadTimeout: timed out (it answered 201)": "The outside system answered, but",
    "UnclearAnswer: No complete answer: RemoteProtocolError: peer closed connection (it answered 201)": "The outside"
    " system answered, but the answer could not be read to its end.",
    "UnclearAnswer: No complete answer: DecodingError: the packed body breaks off (it answered 500)": "The outside"
    " system answered with an error of its own (500).",
    "HTTPError: 502 Server Error: Bad Gateway for url: https://bank.example": "A server in between got no answer",
    "HTTPStatusError: Server error '500 Internal Server Error' for url": "The outside system answered with an error"
    " of its own (500).",
    "SMTPServerDisconnected: Connection unexpectedly closed": "The connection broke after",
    "ConnectionError: ('Connection aborted.', RemoteDisconnected('Remote end closed'))": "The connection broke",
    "ConnectionError: HTTPConnectionPool(host='bank'): Read timed out.": "The outside system took too long",
    "not there, which proves nothing before 2026-01-01 12:00:00 UTC": "The outside system does not show it"
    " yet. Its search may lag behind, so before 2026-01-01 12:00:00 UTC that proves nothing.",
    "RuntimeError: the account was closed": "The code that makes the call ended with an error",
    "ValueError: password reset required": "The code that makes the call ended with an error",
    "ValueError: the timeout of order 17 is packed": "The code that makes the call ended with an error",
    "ValueError: it answered 5000 rows": "The code that makes the call ended with an error",
    "KeyError: 'number'": "The code that makes the call ended with an error that does not say",
    "": "The code that makes the call ended with an error that does not say",
}  # fmt: skip


#: The same of an answer to the question whether it happened.
ASKED = {
    "no answer within 30 s": "It gave no answer to that.",
    "TimeoutError: ": "It gave no answer to that.",
    "ConnectionResetError: [Errno 104] Connection reset by peer": "It gave no answer to that.",
    "The lookup failed: ReadTimeout: timed out": "It gave no answer to that.",
    "The lookup failed: ConnectError: [Errno 111] Connection refused": "It gave no answer to that.",
    "The lookup failed: no connection can be made: ValueError: a proxy": "It gave no answer to that.",
    "the lookup answered 503": "It answered with an error (503), and so did not say.",
    "HTTPError: HTTP Error 503: Service Unavailable": "It answered with an error (503), and so did not say.",
    "the lookup answered 204": "Its answer (204) does not say whether it happened.",
    "the lookup answered 302": "Its answer (302) does not say whether it happened.",
    "The lookup failed: AnswerTooLarge: the answer has over 100,000 bytes (it answered 200)": "Its answer (200) does"
    " not say whether it happened.",
    "The lookup failed: UnclearAnswer: the answer is not JSON": "Its answer does not say whether it happened.",
    "The lookup failed: LookupError: the params have no 'customer'": "The workflow's code failed while it asked.",
    "reconcile returned dict, no Reconciliation": "The workflow's code failed while it asked.",
    "the call returned, but result is no JSON. It returned: set": "The outside system answered as if it had"
    " happened, but the answer can't be kept. It probably happened, and nobody has confirmed it.",
    "the list is being rebuilt": "It could not say yet.",
    "the bank answered 2000 rows": "It could not say yet.",
}  # fmt: skip


@pytest.mark.parametrize("detail", MEANINGS)
def test_each_trouble_has_its_sentence(detail: str) -> None:
    assert meaning(detail).startswith(MEANINGS[detail])


@pytest.mark.parametrize("detail", ASKED)
def test_a_question_without_an_answer_is_told_as_what_it_was(detail: str) -> None:
    asked = evidence("reconcile", "unknown", detail)
    assert in_a_line(asked) == ASKED[detail]
    assert why_unknown([asked]) == [f"The outside system was asked once. {ASKED[detail]}"]


def test_a_german_reads_it_in_german() -> None:
    asked = [evidence("execute", "unknown", "no answer within 1.5 s"), evidence("probe", "unknown")]
    with translation.override("de"):
        assert why_unknown([*asked, *asked[1:]]) == [
            "Innerhalb von 1.5 Sekunden kam keine Antwort. Das Außensystem kann es trotzdem getan haben:"
            " Langsam ist kein Nein.",
            "Der Aufruf wurde dadurch nicht beendet: Er kann noch laufen. Kommt seine Antwort doch noch, wird"
            " sie oben auf dieser Seite gezeigt.",
            "Das System hat das Außensystem 2-mal gefragt. Es konnte es nicht sagen.",
        ]


def evidence(kind: str, verdict: str, detail: str = "") -> Evidence:
    return Evidence(kind=kind, verdict=verdict, detail=detail)


def test_a_call_that_was_given_up_may_still_run_until_its_answer_comes() -> None:
    slow = evidence("execute", "unknown", "no answer within 30 s")
    asked = evidence("reconcile", "unknown", "the lookup answered 503")
    late = evidence("late", "applied")

    first, still, once = why_unknown([slow, asked])
    assert "may still be running" in still
    assert (
        once
        == "The outside system was asked once. It answered with an error (503), and so did not say."
    )
    assert not any("running" in sentence for sentence in why_unknown([slow, asked, late]))
    assert first.startswith("No answer came within 30 seconds.")


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        (
            'POST answered 422: {"error": "the account is closed", "code": 7}',
            "the account is closed (422)",
        ),
        ('POST answered 422: {"error": "closed", "hint": "ask"}', ""),
        ('POST answered 422: {"error": "clo', ""),
        ("POST answered 422: closed", ""),
        ("closed", ""),
    ],
)
def test_what_was_answered_is_told_without_its_json_if_that_is_one_text(
    detail: str, told: str
) -> None:
    assert heard(detail) == (told or detail)


def test_a_line_says_what_was_heard() -> None:
    assert in_a_line(evidence("probe", "applied")) == "It says: it happened."
    assert in_a_line(evidence("reconcile", "not_applied")) == "It says: it did not happen."
    for never in ("The request can't be built: LookupError: x", "Nothing was sent: no connection"):
        unsent = evidence("execute", "not_applied", never)
        assert (
            in_a_line(unsent) == in_a_line(unsent, is_refusal=True) == "Nothing was sent outside."
        )
    no = evidence("execute", "not_applied", 'POST answered 410: {"error": "no more news"}')
    assert in_a_line(no, is_refusal=True) == "It refused it for good: no more news (410)"
    assert in_a_line(no) == "It says: it did not happen."
    lost = evidence("execute", "unknown", "ConnectionResetError: x")
    assert in_a_line(lost) == "The connection broke after the call had gone out."
