"""A tab of a real browser, driven from a thread of its own.

Playwright's blocking interface runs an event loop in the thread that uses it, and Django refuses to
talk to the database in such a thread. So the browser lives in another one, and the test's own
thread keeps the database to itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

T = TypeVar("T")

#: Chromium without windows does the same work in three quarters of the processor time.
CHROMIUM = (
    shutil.which("chromium-headless-shell")
    or shutil.which("chromium")
    or shutil.which("chromium-browser")
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # No process that waits for another tab to come: each test has one, and closes it.
    "--renderer-process-limit=1",
]
PATIENCE_MS = 15_000
FOCUSED = "(document.activeElement.innerText || document.activeElement.name || '').trim()"


class Tab:
    """One tab: what a person does and sees there. What the browser complains of is kept."""

    def __init__(self, thread: Executor, page: Page, base: str) -> None:
        self._thread = thread
        self._page = page
        self.base = base
        self.complaints: list[str] = []
        #: The addresses that something was sent to.
        self.sent: list[str] = []

    def _do(self, action: Callable[[Page], T]) -> T:
        return self._thread.submit(action, self._page).result()

    def open(self, address: str) -> None:
        self._do(lambda page: page.goto(self.base + address))

    def open_with_clock(self, address: str) -> None:
        """Open a page on which `later` may pass the time."""
        self._do(lambda page: page.clock.install())
        self.open(address)

    def later(self, seconds: int) -> None:
        self._do(lambda page: page.clock.fast_forward(seconds * 1000))

    def reload(self) -> None:
        self._do(lambda page: page.reload())

    def go_back(self) -> None:
        """Go back to the page before, as the browser's own button does."""
        self._do(lambda page: page.go_back())

    def click(self, text: str, role: str = "link") -> None:
        self._do(lambda page: _named(page, role, text).click())

    def click_first(self, text: str) -> None:
        """Click the first of several links that say the same."""
        self._do(lambda page: _named(page, "link", text).first.click())

    def click_at(self, x: int, y: int) -> None:
        """Click a place of the window, whatever is there."""
        self._do(lambda page: page.mouse.click(x, y))

    def submit(self, text: str, *, times: int = 1) -> None:
        """Click the dialog's own button, as quickly in a row as a browser can."""
        self._do(lambda page: _named(_dialog(page), "button", text).click(click_count=times))

    def fill(self, label: str, text: str) -> None:
        self._do(lambda page: page.get_by_label(label).fill(text))

    def tick(self, label: str) -> None:
        self._do(lambda page: page.get_by_label(label).check())

    def value(self, label: str, *, exact: bool = False) -> str:
        return str(self._do(lambda page: page.get_by_label(label, exact=exact).input_value()))

    def choose(self, label: str, option: str) -> None:
        self._do(lambda page: page.get_by_label(label).select_option(label=option))

    def check(self, selector: str) -> None:
        self._do(lambda page: page.locator(selector).check())

    def keys(self, *keys: str) -> None:
        for key in keys:
            self._do(lambda page, key=key: page.keyboard.press(key))  # type: ignore[misc]

    def type(self, text: str) -> None:
        self._do(lambda page: page.keyboard.type(text))

    def tab_to(self, text: str, *, at_most: int = 60) -> None:
        """Press Tab until the element that says `text` has the focus."""
        for _ in range(at_most):
            self.keys("Tab")
            if self.focused() == text:
                return
        raise AssertionError(f"No Tab leads to {text!r}.")

    def focused(self) -> str:
        """Return what has the focus: its text, or its name if it has none."""
        return str(self._do(lambda page: page.evaluate(FOCUSED)))

    def has_focus(self, text: str) -> None:
        """Wait until what says `text`, or is called so, has the focus."""
        self._do(lambda page: page.wait_for_function(f"text => {FOCUSED} === text", arg=text))

    def sees(self, *texts: str) -> None:
        """Wait until the page shows all of `texts`."""
        for text in texts:
            self._do(lambda page, text=text: expect(page.locator("body")).to_contain_text(text))  # type: ignore[misc]

    def sees_dialog(self, *texts: str) -> None:
        """Wait until a dialog is open and shows all of `texts`."""
        for text in texts:
            self._do(lambda page, text=text: expect(_dialog(page)).to_contain_text(text))  # type: ignore[misc]

    def in_dialog(self, role: str, text: str) -> int:
        """Return how many elements of this kind the dialog has."""
        return int(self._do(lambda page: _named(_dialog(page), role, text).count()))

    @contextmanager
    def dialog_hidden(self, *texts: str) -> Iterator[None]:
        """Let no dialog be shown during the block, at whose end one that has `texts` has come."""
        content = "#modal-content"
        show = "(element, how) => { element.style.visibility = how }"
        self._do(lambda page: page.locator(content).evaluate(show, "hidden"))
        yield
        for text in texts:
            self._do(lambda page, text=text: expect(page.locator(content)).to_contain_text(text))  # type: ignore[misc]
        self._do(lambda page: page.locator(content).evaluate(show, ""))

    def sees_no_dialog(self) -> None:
        self._do(lambda page: expect(page.locator("#modal-content")).to_be_hidden())

    def sees_no_button(self, text: str) -> None:
        self._do(lambda page: expect(_named(page, "button", text)).to_have_count(0))

    def log_out(self) -> None:
        """Lose the session, as when it is over."""
        self._do(lambda page: page.context.clear_cookies())

    def log_in(self, cookie: Any) -> None:
        """Have another session, as after a login in another tab."""
        self._do(lambda page: page.context.add_cookies([cookie]))

    def text(self) -> str:
        return str(self._do(lambda page: page.locator("#main").inner_text()))

    def address(self) -> str:
        return str(self._do(lambda page: page.url)).removeprefix(self.base)

    def title(self) -> str:
        return str(self._do(lambda page: page.title()))

    def ask_again(self, element: str) -> None:
        """Let an element that asks for itself from time to time do so now, and wait for its answer."""
        self._do(lambda page: _ask(page, element))

    def is_in_view(self, text: str, role: str = "button") -> bool:
        """Tell whether an element is on the screen, without any scrolling."""
        inside = "e => { const b = e.getBoundingClientRect(); return b.top >= 0 && b.bottom <= innerHeight }"
        return bool(self._do(lambda page: _named(page, role, text).evaluate(inside)))

    def evaluate(self, script: str) -> Any:
        """Return what a script of the test's own finds in the page."""
        return self._do(lambda page: page.evaluate(script))

    def width(self) -> int:
        """Return how wide the page is; wider than the window means that parts are out of sight."""
        return int(self._do(lambda page: page.evaluate("document.documentElement.scrollWidth")))


def _ask(page: Page, element: str) -> None:
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
        page.evaluate("element => htmx.trigger(element, 'ops-refresh')", element)


def _dialog(page: Page) -> Any:
    return page.get_by_role("dialog")


def _named(page: Any, role: str, text: str) -> Any:
    return page.get_by_role(role, name=text, exact=True)


@contextmanager
def chromium(thread: Executor) -> Iterator[Browser]:
    """A browser in `thread`."""
    playwright = thread.submit(lambda: sync_playwright().start()).result()
    try:
        browser = thread.submit(
            lambda: playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        ).result()
        yield browser
        thread.submit(browser.close).result()
    finally:
        thread.submit(playwright.stop).result()


@contextmanager
def tab(
    thread: Executor, browser: Browser, base: str, cookies: list[Any], **options: Any
) -> Iterator[Tab]:
    """A tab with the given cookies, in a window of its own."""

    def make() -> tuple[BrowserContext, Page]:
        context = browser.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies(cookies)
        return context, context.new_page()

    expect.set_options(timeout=PATIENCE_MS)
    context, page = thread.submit(make).result()
    made = Tab(thread, page, base)

    def listen() -> None:
        page.on("request", lambda request: _note_request(made, request))
        page.on("console", lambda message: _note(made, message))
        page.on("pageerror", lambda error: made.complaints.append(str(error)))
        page.on("response", lambda answer: _note_answer(made, answer))

    thread.submit(listen).result()
    try:
        yield made
    finally:
        thread.submit(context.close).result()


def _note(made: Tab, message: Any) -> None:
    # Refused by the content security policy, or an error or a warning of the page's scripts.
    if message.type in ("error", "warning"):
        made.complaints.append(message.text)


def _note_request(made: Tab, request: Any) -> None:
    if request.method != "GET":
        made.sent.append(request.url.removeprefix(made.base))


def _note_answer(made: Tab, answer: Any) -> None:
    if answer.status >= 400:
        made.complaints.append(f"{answer.status} {answer.url}")
