"""A token of these tests, how an outside system may repeat it, and whether it shows in what is kept."""

from __future__ import annotations

import base64
import html
import json
from typing import Any
from urllib.parse import quote, quote_plus

from tests.connectors.calling import called, sure_no, unclear
from workflows_app.connectors.http import Secret

VALUE = 'p/q "r\\s&t+u<v> 100%=='
SECRET = Secret("BANK_TOKEN", "Bearer {}")
HEADERS = {"Authorization": SECRET}


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


#: How an outside system may repeat the value in text.
REPEATED = {
    "bare": VALUE,
    "in JSON": json.dumps({"got": VALUE})[1:-1],
    "in JSON of PHP": json.dumps(VALUE).replace("/", "\\/"),
    "in a path": quote(VALUE, safe=""),
    "in a path, lower case": quote(VALUE, safe="").lower(),
    "in a path with slashes": quote(VALUE),
    "in a form": quote_plus(VALUE),
    "on a page": html.escape(VALUE),
    "in text of a page": html.escape(VALUE, quote=False),
    "in Python": repr({"got": VALUE}),
    "in capitals": VALUE.upper(),
    "in JSON in JSON": json.dumps(json.dumps({"got": VALUE})),
    "in JSON on a page": html.escape(json.dumps(VALUE)),
    "in escapes of JSON": "".join(f"\\u{ord(each):04X}" for each in VALUE),
    "in escapes of Python": "".join(f"\\x{ord(each):02x}" for each in VALUE),
    "in escapes of pages": "".join(f"&#x{ord(each):x};" for each in VALUE),
    "in escapes of pages, with zeros": f"&#{'9' * 5000};&#{ord(VALUE[0]):05000};{VALUE[1:]}",
    "in escapes of paths, twice": quote("".join(f"%{ord(each):02x}" for each in VALUE)),
    "in base64": packed(VALUE),
    "in base64, in its header": packed(f"Bearer {VALUE}"),
    "in base64, for addresses": packed("??>" + VALUE).replace("/", "_").replace("+", "-"),
    "in base64, in a path": quote(packed("a" + VALUE), safe=""),
    "in base64, in lines": "\n".join(
        packed("a" * 50 + VALUE)[at : at + 20] for at in (0, 20, 40, 60, 80, 100)
    ),
    "in base64 of JSON": packed(json.dumps({"token": VALUE})),
    "in base64 of base64": packed("Basic " + packed("us:" + VALUE)),
    "in base64 of base64 of a path": packed("Basic " + packed("us:" + quote(VALUE, safe=""))),
    "in base64 of UTF-16": base64.b64encode(VALUE.encode("utf-16-le")).decode(),
    "in hexadecimal": VALUE.encode().hex(),
    "in hexadecimal, in pairs": VALUE.encode().hex(" ").upper(),
    "in hexadecimal, with dashes": VALUE.encode().hex("-"),
    "in hexadecimal, as numbers": ", ".join(f"0x{each:02x}" for each in VALUE.encode()),
    "in octal": "".join(f"\\{ord(each):03o}" for each in VALUE),
    "in escapes of JavaScript": "".join(f"\\u{{{ord(each):x}}}" for each in VALUE),
    "in two lines": f"{VALUE[:10]}\r\n  {VALUE[10:]}",
    "in lines of a mail": f"{VALUE[:6]}=\n{VALUE[6:12]}=\n{VALUE[12:]}",
    "in lines that end as of a mail": f"{VALUE[:-1]}\n{VALUE[-1:]}",
    "with characters that do not show": "\u200b".join(VALUE),
    "in wide characters": "".join(
        chr(ord(each) + 0xFEE0) if each > " " else each for each in VALUE
    ),
}


#: What comes of a call, by the status of its answer.
CALLS: dict[int, Any] = {200: called, 400: sure_no, 500: unclear}


def leaks(text: str) -> bool:
    """Tell whether a part of the value is there, in any of the ways to write it."""
    plain = (
        "p/q",
        "p%2F",
        "p\\/q",
        "r\\",
        "100%",
        "u<v",
        "&t",
        "\\u0070",
        "\\x70",
        "&#x70;",
        "%2570",
        "\\160",
        "\\u{70}",
        "p\u200b/",
        "\uff50\uff0f",
    )
    forms = [packed(VALUE[at : at + 9]) for at in range(len(VALUE) - 9)]
    codes = [VALUE[at : at + 6].encode() for at in range(9)]
    forms += [form for code in codes for form in map(code.hex, (" ", "-"))]
    forms += [", ".join(f"0x{each:02x}" for each in code) for code in codes]
    forms += [code.hex() for code in codes]
    return any(part.casefold() in text.casefold() for part in [*plain, *forms])
