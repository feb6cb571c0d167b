"""What an authenticator app shows (RFC 6238)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import struct
import time
from typing import Any


def code_for(secret: str, *, steps: int = 0) -> str:
    """Return the code of now, or of so many steps of 30 seconds later."""
    counter = struct.pack(">Q", int(time.time()) // 30 + steps)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    at = digest[-1] & 15
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


def secret_on(page: Any) -> str:
    """Return the secret that the page for setting up shows."""
    found = re.search(r'id="authenticator_secret"[^>]*value="(\w+)"', page.content.decode())
    assert found is not None
    return found[1]
