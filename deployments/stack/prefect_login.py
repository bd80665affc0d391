"""A page on Prefect's own origin. A link to it logs a browser in to Prefect's UI.

Both of Prefect's UIs keep their password in the browser's local storage, base64 of `user:password`, under the name
`prefect-password`. The link contains it behind `#`: browsers do not send the fragment, so no log contains it. The
page checks the password with Prefect before it stores it, so that a foreign link can't log anybody out. Source:
Prefect 3.8.8, `prefect/server/ui` and `ui-v2`.
"""

from __future__ import annotations

import base64
import hashlib

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOGIN_PATH = "/falcon/login"

_SCRIPT = """
const credential = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
const say = (text) => { document.body.textContent = text; };
fetch("/api/admin/version", { headers: { Authorization: "Basic " + credential } }).then((answer) => {
  if (answer.ok) {
    localStorage.setItem("prefect-password", credential);
    location.replace("/");
  } else {
    say("This link does not fit the server's password. Start again with the link that is printed at its start.");
  }
}).catch(() => say("Prefect does not answer. Open the link again in a moment."));
"""
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Prefect login</title>'
    f"<body>Logging in …<script>{_SCRIPT}</script></body></html>"
)
_SCRIPT_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
_POLICY = f"default-src 'none'; script-src 'sha256-{_SCRIPT_HASH}'; connect-src 'self'; frame-ancestors 'none'"
_HTML_HEADERS = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def login_link(url: str, auth_string: str) -> str:
    """The link that logs a browser in: the server's address, and `user:password` in the fragment."""
    return f"{url}{LOGIN_PATH}#{base64.b64encode(auth_string.encode()).decode()}"


class LoginPage:
    """ASGI middleware: the page in front of Prefect's app, and protection for every page of its UI."""

    def __init__(self, app: ASGIApp, *, asks_itself_only: bool) -> None:
        """`asks_itself_only`: Prefect's UI uses the API of this server, so its pages need no other origin."""
        self._app = app
        policy = "frame-ancestors 'none'"
        if asks_itself_only:  # the second version of the UI would report to amplitude.com
            policy += "; connect-src 'self'"
        self._headers = {**_HTML_HEADERS, "Content-Security-Policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._protect(MutableHeaders(scope=message))
            await send(message)

        if scope["path"] == LOGIN_PATH and scope["method"] in {"GET", "HEAD"}:
            headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
            await HTMLResponse(_PAGE, headers=headers)(scope, receive, protected)
        else:
            await self._app(scope, receive, protected)

    def _protect(self, headers: MutableHeaders) -> None:
        if headers.get("content-type", "").startswith("text/html"):
            for name, value in self._headers.items():
                headers.setdefault(name, value)
