"""`python -m tests.browser.screenshots`: the pictures of README and docs, from the cases of `manage.py drill`.

Each has a fixed width and at most `LARGEST` bytes; times and idempotency keys differ from one run to the next.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests.browser.tab import ARGUMENTS, CHROMIUM, PATIENCE_MS

if TYPE_CHECKING:
    from workflows_app.demo.invoices import Invoice

ROOT = Path(__file__).resolve().parents[2]
SEED = 1
PORT = 8765
START_SECONDS = 180.0
LARGEST = 150 * 1024
SIZE = {"width": 1280, "height": 800}
#: For a dialog, all of it.
DIALOG = {"width": 960, "height": 1000}
#: For a graph, which is wide.
WIDE = {"width": 1680, "height": 800}
PHONE = {"width": 390, "height": 844}
OPEN = re.compile(
    r"Open (http://127\.0\.0\.1:\d+)/admin/ and log in as '(.+)' with password '(.+)'\."
)
BANK = re.compile(r"The bank's payments: (http://127\.0\.0\.1:\d+)/")


def main() -> int:
    """Make the pictures. What is not understood here goes to the drill, as --database-is-mine."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.browser.screenshots", description=__doc__
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    options, for_drill = parser.parse_known_args()
    if CHROMIUM is None:
        sys.exit("There is no Chromium on this machine.")
    options.out.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=PATIENCE_MS)
    with drill(for_drill) as told, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        Photographer(browser, told, options.out).take_all()
        browser.close()
    sizes = {path.name: path.stat().st_size for path in sorted(options.out.glob("*.png"))}
    for name, size in sizes.items():
        sys.stdout.write(f"{name:28}{size:8,} bytes\n")
    return 1 if max(sizes.values()) > LARGEST else 0


@contextmanager
def drill(arguments: list[str]) -> Iterator[str]:
    """Stage a drill for a block; return what it tells when it is open."""
    command = [sys.executable, "manage.py", "drill", f"--seed={SEED}", f"--port={PORT}", *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "DEBUG": "1"}, stdout=subprocess.PIPE, text=True
    )
    try:
        yield _told(process)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()


def _told(process: subprocess.Popen[str]) -> str:
    told, deadline = "", time.monotonic() + START_SECONDS
    assert process.stdout is not None
    for line in process.stdout:
        told += line
        if OPEN.search(told) and BANK.search(told):
            return told
        if time.monotonic() > deadline:
            break
    sys.exit(f"The drill did not open: {told}")


class Photographer:
    """A logged-in person with a camera."""

    def __init__(self, browser: Any, told: str, out: Path) -> None:
        opened, bank = OPEN.search(told), BANK.search(told)
        assert opened is not None
        assert bank is not None
        self.base, self.user, self.password = opened.groups()
        self.bank = bank[1]
        self.browser = browser
        self.out = out
        self.state: Any = None

    def take_all(self) -> None:
        from workflows_app.demo.drill import cases

        by_kind = {case.kind: case.invoice for case in reversed(cases.cases_of(SEED))}
        paid = by_kind[cases.PAID]
        page = self._context().new_page()
        self._log_in(page)
        self._shoot(page, "home")
        self._open(page, "blocked", paid.number)
        self._shoot(page, "blocked-run")
        self._open(page, "failed", by_kind[cases.REJECTED].number)
        self._shoot(page, "failed-run")
        page.goto(f"{self.base}/admin/workflows_app/run/search/?q={paid.supplier}")
        self._shoot(page, "search")
        page.goto(f"{self.bank}/?q={paid.number}")
        self._shoot(page, "bank", height=420)
        self._in_other_ways(paid.number)
        self._shoot_caught(page, by_kind[cases.PAID_AND_FOUND].number)
        self._shoot_story(page, paid)

    def _in_other_ways(self, number: str) -> None:
        """Take a blocked run on a phone, and home in the dark."""
        phone = self._context(viewport=PHONE, is_mobile=True).new_page()
        self._open(phone, "blocked", number)
        self._shoot(phone, "phone")
        dark = self._context(color_scheme="dark").new_page()
        dark.goto(f"{self.base}/admin/")
        self._shoot(dark, "dark")

    def _shoot_caught(self, page: Page, number: str) -> None:
        """Say of a payment that happened that it did not: the dialog before, and what the bank answers."""
        self._open(page, "blocked", number)
        expect(page.locator("#ops-run")).to_contain_text("says that it happened")
        self._shoot(page, "answered-run")
        page.set_viewport_size(DIALOG)  # type: ignore[arg-type]
        page.get_by_role("button", name="It didn't happen", exact=True).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Why?").fill("Not in the bank's list of payments.")
        for tick in dialog.get_by_role("checkbox").all():
            tick.check()
        page.locator("#modal-content").screenshot(path=self._path("didnt-happen"))
        dialog.get_by_role("button", name="It didn't happen", exact=True).click()
        expect(page.locator("#dialog")).to_contain_text("The outside system has answered")
        page.locator("#modal-content").screenshot(path=self._path("didnt-happen-answered"))

    def _shoot_story(self, page: Page, invoice: Invoice) -> None:
        """Say of a payment that it happened, and take all that came of its invoice."""
        page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        payments = page.request.get(f"{self.bank}/payments").json()
        paid = next(one for one in payments if one["invoice"] == invoice.number)
        self._open(page, "blocked", invoice.number)
        page.get_by_role("button", name="It happened", exact=True).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("The number of the payment").fill(str(paid["number"]))
        dialog.get_by_label("Why?").fill("It is in the bank's list of payments.")
        dialog.get_by_role("button", name="It happened", exact=True).click()
        page.locator("#ops-messages").get_by_role("link", name=invoice.number).click()
        page.get_by_role("link", name=f"Invoice {invoice.number} from").first.click()
        label = "Where it came from, and what came of it"
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while "supplier.notify" not in page.get_by_role("region", name=label).inner_text():
            if time.monotonic() > deadline:
                sys.exit("The supplier is not told.")
            page.reload()
        self._shoot_card(page, label, "lineage")

    def _context(self, **options: Any) -> BrowserContext:
        context: BrowserContext = self.browser.new_context(
            **{"viewport": SIZE, "storage_state": self.state, **options}
        )
        context.set_default_timeout(PATIENCE_MS)
        return context

    def _log_in(self, page: Page) -> None:
        page.goto(f"{self.base}/admin/")
        page.get_by_label("Username").fill(self.user)
        page.get_by_label("Password").fill(self.password)
        page.keyboard.press("Enter")
        expect(page.locator("#ops-home")).to_be_visible()
        self.state = page.context.storage_state()

    def _open(self, page: Page, status: str, number: str) -> None:
        """Open the run of an invoice that has this status, by the list of those."""
        page.goto(f"{self.base}/admin/workflows_app/run/?status__exact={status}")
        page.locator("tr", has_text=number).get_by_role("link").first.click()
        expect(page.get_by_role("region", name="What happened")).to_be_visible()
        expect(page.locator("#ops-run")).not_to_contain_text("is being asked")

    def _shoot(self, page: Page, name: str, **size: int) -> None:
        page.evaluate("document.fonts.ready")
        clip = {"x": 0, "y": 0, **(page.viewport_size or SIZE), **size}
        page.screenshot(path=self._path(name), clip=clip)  # type: ignore[arg-type]

    def _shoot_card(self, page: Page, label: str, name: str) -> None:
        page.evaluate("document.fonts.ready")
        page.get_by_role("region", name=label).screenshot(path=self._path(name))

    def _path(self, name: str) -> Path:
        return self.out / f"{name}.png"


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    os.environ.setdefault("DEBUG", "1")
    import django

    django.setup()
    sys.exit(main())
