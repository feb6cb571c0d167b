"""A small provider of OpenID Connect, on loopback: it lets in whom a test says, without asking."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt

CLIENT = "console"
_SECRET = "s" * 32


class Provider:
    """What it says of the person is in `claims`; when they logged in there, in `logged_in_at`.

    `in_token`: what only the ID token says, in place of the same claims.
    """

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"sub": "1", "preferred_username": "petra"}
        self.in_token: dict[str, Any] = {}
        self.logged_in_at: float | None = None
        self.asked: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.005,))
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return the project's setting for this provider."""
        app = {
            "provider_id": "company",
            "name": "the company",
            "client_id": CLIENT,
            "secret": _SECRET,
            "settings": {"server_url": self.address, **more},
        }
        return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        """Return status and JSON, or an address to go to."""
        match path:
            case "/.well-known/openid-configuration":
                ends = {
                    f"{name}_endpoint": f"{self.address}/{name}"
                    for name in ("authorization", "token", "userinfo")
                }
                return 200, {"issuer": self.address, "jwks_uri": f"{self.address}/keys", **ends}
            case "/authorization":
                self.asked.append(asked)
                back = urlencode({"code": "c0de", "state": asked["state"]})
                return 302, f"{asked['redirect_uri']}?{back}"
            case "/token":
                return 200, {
                    "access_token": "t",
                    "token_type": "Bearer",
                    "id_token": self._id_token(),
                }
            case "/userinfo":
                return 200, self.claims
        return 404, {}

    def _id_token(self) -> str:
        now = time.time()
        claims = {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 60, **self.claims}
        claims |= self.in_token
        if self.logged_in_at is not None:
            claims["auth_time"] = self.logged_in_at
        return jwt.encode(claims, _SECRET, algorithm="HS256")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                where = urlsplit(self.path)
                self.reply({name: values[0] for name, values in parse_qs(where.query).items()})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.reply({name: values[0] for name, values in parse_qs(body).items()})

            def reply(self, asked: dict[str, str]) -> None:
                status, said = provider.answer(urlsplit(self.path).path, asked)
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", said)
                    said = {}
                content = json.dumps(said).encode()
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler
