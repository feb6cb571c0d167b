"""An answer in the form in which it may be kept: as JSON or text that the ledger can store."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from workflows_app.connectors.http.secrets import Secret, scrub, scrub_json
from workflows_app.errors import NotJson
from workflows_app.sdk.json_values import json_value


@dataclass(frozen=True)
class HttpAnswer:
    """The status of an answer, and its body as text."""

    status: int
    text: str

    @property
    def is_json(self) -> bool:
        """Tell whether the body is JSON that can be stored."""
        return self._parsed()[0]

    @property
    def body(self) -> Any:
        """Return the body as JSON if it is JSON that can be stored, else as text."""
        return self._parsed()[1]

    def as_result(self) -> dict[str, Any]:
        """Return what goes into the ledger."""
        return {"status": self.status, "body": self.body}

    def without(self, secrets: list[Secret]) -> HttpAnswer:
        """Return the same answer with the values of `secrets` struck out."""
        is_json, body = self._parsed()
        if not is_json:
            return HttpAnswer(self.status, scrub(self.text, secrets))
        clean = scrub_json(body, secrets)
        text = self.text if clean == body else json.dumps(clean, ensure_ascii=False)
        return HttpAnswer(self.status, text)

    def _parsed(self) -> tuple[bool, Any]:
        try:
            body = json.loads(self.text.removeprefix("\ufeff"))
            return True, json_value(body, field="body", limit_bytes=sys.maxsize)
        except (ValueError, RecursionError, NotJson):
            return False, self.text


def decoded(body: bytes, encoding: str) -> str:
    """Return `body` as text that can be stored, whatever the outside system calls its encoding."""
    try:
        text = body.decode(encoding, errors="replace")
    except (LookupError, ValueError):
        text = body.decode(errors="replace")
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()
