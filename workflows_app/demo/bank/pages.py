"""The bank's pages for people: what it paid, and what arrived at suppliers and came from them.

Plain HTML without scripts. They read the bank's records themselves, and so never lag or fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

Row = dict[str, Any]

#: The most rows of one table.
ROWS_SHOWN = 200

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:64rem;padding:1rem;color:#1f2937}"
    "nav a{margin-right:1rem}h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;"
    "border-bottom:1px solid #d1d5db;overflow-wrap:anywhere}"
    "th,td.decision{overflow-wrap:break-word}td.invoice{white-space:nowrap}td.key{font:12px monospace}"
    "input,button{font:inherit;padding:.4rem .6rem}input{width:20rem;max-width:60%}.none{color:#6b7280}"
)
#: Columns with a style of their own.
_STYLED = ("key", "decision", "invoice")
#: Nothing is loaded from anywhere, and no script runs, whatever a name says.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
_PAYMENT = ("number", "at", "supplier", "invoice", "amount", "key")
_PAYMENT_HEADS = ("Payment number", "When (UTC)", "To", "Invoice", "Amount", "Idempotency key")


@dataclass(frozen=True)
class Sought:
    """What a person looks for: a word, and of whom and what it was to be, as far as their address tells."""

    query: str
    supplier: str = ""
    amount: str = ""


def payments_page(
    payments: Sequence[Row], notices: Sequence[Row], sought: Sought, *, has_score: bool = False
) -> str:
    """Return the list of payments, the newest first.

    With a query also the notices that it finds, or that there are none, and what is easily taken for what is sought.
    """
    query = sought.query
    found = _matching(payments, query, _PAYMENT)
    parts = [_table(_PAYMENT_HEADS, _PAYMENT, found, _nothing("payment", query))]
    twins = _matching(_twins(payments, sought), "", ())
    if twins:
        parts += [
            "<h2>Other payments to the same supplier of the same amount</h2>",
            _table(_PAYMENT_HEADS, _PAYMENT, twins, ""),
        ]
    told = _matching(notices, query, ("supplier", "text")) if query else []
    if told:
        parts += ["<h2>What suppliers wrote about it</h2>", _notices(told, query)]
    elif query:
        parts += [f'<p class="none">No supplier wrote about “{escape(query)}”.</p>']
    lead = (
        "Every payment that was made is here at once, also while the search for programs is down."
    )
    search = _search("/", query)
    return _page("The bank: payments", search, f"<p>{lead}</p>", *parts, has_score=has_score)


def suppliers_page(
    deliveries: Sequence[Row], notices: Sequence[Row], sought: Sought, *, has_score: bool = False
) -> str:
    """Return what arrived at suppliers' webhooks, and what suppliers wrote, the newest first."""
    query, supplier = sought.query, sought.supplier
    arrived = _matching(deliveries, query, ("supplier", "invoice", "payment_number", "key"))
    heads = ("When (UTC)", "Supplier", "News of invoice", "Idempotency key")
    return _page(
        "The suppliers: what arrived there",
        _search("/suppliers", query),
        "<p>Every webhook that arrived is here at once.</p>",
        _table(heads, ("at", "supplier", "invoice", "key"), arrived, _nothing("webhook", query)),
        f"<h2>What {escape(supplier) or 'suppliers'} wrote to customers</h2>",
        _notices(_matching(notices, supplier or query, ("supplier", "text")), supplier or query),
        has_score=has_score,
    )


def score_page(score: Row) -> str:
    """Return how a drill stands. `score`: a `sentence`, `is_over`, and its `rows`. It asks for itself until it is over."""
    heads = ("Invoice", "Verdict", "Decision", "Clicks", "Detours", "Looks", "Seconds", "Why")
    columns = ("invoice", "verdict", "decision", "clicks", "detours", "looks", "seconds", "why")
    again = "" if score["is_over"] else '<meta http-equiv="refresh" content="2">'
    told = f"<p><strong>{escape(score['sentence'])}</strong></p>"
    table = _table(heads, columns, score["rows"], "Nothing is decided yet.")
    return _page("The drill: the score", again, told, table, has_score=True)


def _notices(notices: Sequence[Row], query: str) -> str:
    heads = ("When (UTC)", "Supplier", "What it says")
    return _table(heads, ("at", "supplier", "text"), notices, _nothing("notice", query))


def _matching(rows: Sequence[Row], query: str, columns: Iterable[str]) -> list[Row]:
    """Return the rows that have `query` in one of these columns, the newest first."""
    columns, sought = tuple(columns), query.casefold()
    found = [
        row
        for row in rows
        if not sought
        or any(sought in str(row.get(name, "")).casefold() for name in columns if name != "at")
    ]
    return sorted(found, key=lambda row: -float(row["at"]))


def _twins(payments: Sequence[Row], sought: Sought) -> list[Row]:
    """Return what was paid for other invoices than the sought one, to the same supplier and of the same amount."""
    own = [row for row in payments if row["invoice"] == sought.query]
    alike = {_to_whom_and_how_much(row) for row in own} | {(sought.supplier, sought.amount)}
    alike = {each for each in alike if all(each)}
    return [row for row in payments if row not in own and _to_whom_and_how_much(row) in alike]


def _to_whom_and_how_much(payment: Row) -> tuple[str, str]:
    return str(payment.get("supplier", "")), str(payment.get("amount", ""))


def _nothing(what: str, query: str) -> str:
    return f"There is no {what} with “{query}”." if query else f"There is no {what} yet."


def _table(heads: Sequence[str], columns: Sequence[str], rows: Sequence[Row], nothing: str) -> str:
    if not rows:
        return f'<p class="none">{escape(nothing)}</p>'
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(f"<tr>{_cells(columns, row)}</tr>" for row in rows[:ROWS_SHOWN])
    more = len(rows) - ROWS_SHOWN
    rest = f"<p>And {more} older ones: search for them.</p>" if more > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


def _cells(columns: Sequence[str], row: Row) -> str:
    def text(name: str) -> str:
        if name == "at":
            return f"{datetime.fromtimestamp(row['at'], UTC):%Y-%m-%d %H:%M:%S}"
        return escape(str(row.get(name, "")))

    return "".join(
        f'<td class="{name}">{text(name)}</td>' if name in _STYLED else f"<td>{text(name)}</td>"
        for name in columns
    )


def _search(path: str, query: str) -> str:
    return (
        f'<form action="{path}"><label>Search <input type="search" name="q" value="{escape(query)}"'
        ' placeholder="Invoice, supplier, amount, number"></label> <button>Search</button></form>'
    )


def _page(title: str, *parts: str, has_score: bool) -> str:
    score = '<a href="/score">The score</a>' if has_score else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f'<nav><a href="/">The bank: payments</a><a href="/suppliers">The suppliers</a>{score}</nav>'
        f"<h1>{title}</h1>{''.join(parts)}</body></html>"
    )
