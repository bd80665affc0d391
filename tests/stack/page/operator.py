"""What somebody does in front of the operations page, and what a browser notes at the same time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, ViewportSize, expect

from tests.stack.running_stack import Up

AXE = Path(__file__).with_name("axe.min.js").read_text()
PICTURES = Path(__file__).parents[3] / "docs" / "pictures"
"""Pictures differ with each run: those alone who set TAKE_PICTURES get new ones."""
TAKES_PICTURES = bool(os.environ.get("TAKE_PICTURES"))
PHONE: ViewportSize = {"width": 390, "height": 844}
LOOKS: tuple[tuple[str, Literal["light", "dark"], ViewportSize | None], ...] = (
    ("dark", "dark", None),
    ("light", "light", None),
    ("phone", "light", PHONE),
)
PATIENCE_MS = 60_000
"""A shared machine is slow at times."""
expect.set_options(timeout=PATIENCE_MS)
_EXPECTED_ON_CONSOLE = ("Failed to load resource", "Autofocus processing was blocked", "net::ERR")
"""What a browser itself says of answers with an error, which the page shows in its own words."""


@contextmanager
def new_context(chromium: Browser, up: Up, **options: Any) -> Iterator[BrowserContext]:
    """A browser's profile of its own, on the stack's page, that may use the clipboard."""
    context = chromium.new_context(base_url=f"{up.api_url}/ui/", viewport={"width": 1280, "height": 800}, **options)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(PATIENCE_MS)
    try:
        yield context
    finally:
        context.close()


def sign_in(context: BrowserContext, token: str) -> None:
    """Sign in by the form."""
    page = context.new_page()
    page.goto("")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("navigation", name="Screens").wait_for()
    page.close()


class Operator:
    """Somebody in front of the page."""

    def __init__(self, page: Page, up: Up) -> None:
        self.page = page
        self.up = up
        self.complaints: list[str] = []
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(each in message.text for each in _EXPECTED_ON_CONSOLE):
            self.complaints.append(message.text)

    def open(self, screen: str) -> Page:
        """Go to a screen by its address, and wait until it is there."""
        self.page.goto(f"#/{screen}")
        self.page.get_by_role("heading", level=1).wait_for()
        return self.page

    @property
    def bar(self) -> Locator:
        """What lies above each screen."""
        return self.page.get_by_role("banner")

    @property
    def main(self) -> Locator:
        """The present screen."""
        return self.page.get_by_role("main")

    @property
    def head(self) -> Locator:
        """The first line of the present screen: its title, its status or count, its actions."""
        return self.main.locator(".head").first

    @property
    def mark(self) -> Locator:
        """The status beside the title."""
        return self.head.locator(".mark")

    @property
    def filters(self) -> Locator:
        return self.main.get_by_role("search")

    @property
    def notices(self) -> Locator:
        """The messages about what was done. One element, whatever the number of messages."""
        return self.page.get_by_role("status", name="Messages")

    def button(self, name: str) -> Locator:
        """A button of the screen or the bar, whatever dialog lies over them."""
        return self.page.locator(".shell").get_by_role("button", name=name, exact=True)

    def section(self, heading: str) -> Locator:
        """The part of the screen under a heading."""
        return self.main.locator("section").filter(has=self.page.get_by_role("heading", name=heading))

    def row(self, text: str) -> Locator:
        """The row of a list that holds a text."""
        return self.main.get_by_role("row").filter(has_text=text)

    def go_to(self, screen: str) -> None:
        """Use the navigation."""
        self.page.get_by_role("navigation", name="Screens").get_by_role("link", name=screen, exact=True).click()

    def in_dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def settle(self) -> None:
        """Wait until nothing says any more that it loads."""
        expect(self.page.get_by_text("Loading …")).to_have_count(0)
        expect(self.page.locator(".waiting")).to_have_count(0)

    def take_pictures(self, name: str, part: Locator | None = None) -> None:
        """For docs/, when pictures are asked for: in both colours, and on a phone; of the screen or a part of it."""
        if not TAKES_PICTURES:
            return
        PICTURES.mkdir(exist_ok=True)
        before = self.page.viewport_size
        for suffix, scheme, size in LOOKS:
            self.page.emulate_media(color_scheme=scheme)
            self.page.set_viewport_size(size or before or PHONE)
            self.settle()
            (part or self.page).screenshot(path=PICTURES / f"{name}-{suffix}.png", animations="disabled")
        self.page.set_viewport_size(before or PHONE)

    def violations(self, *, with_size_of_targets: bool = False) -> list[str]:
        """What axe finds wrong with the screen for people with another sight, hearing or pointer.

        Args:
            with_size_of_targets: apply that rule of WCAG 2.2 AA too, which axe leaves out unless it is asked for.
        """
        # axe is evaluated by the browser's own tools: the page's policy lets no script in.
        self.page.evaluate(AXE)
        rules = {"target-size": {"enabled": with_size_of_targets}}
        options = {"resultTypes": ["violations"], "rules": rules}
        found = self.page.evaluate("options => axe.run(document, options)", options)
        return [
            f"{each['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
            for each in found["violations"]
            for node in each["nodes"]
        ]
