"""A browser without a window, for tests of pages; where Chromium and playwright are installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(
    CHROMIUM is None or find_spec("playwright") is None,
    reason="no Chromium to look at a page with (apt-get install chromium, pip install playwright)",
)


@contextmanager
def browser_page(expected: str | None = None, **options: Any) -> Iterator[Any]:
    """A page on which an error of a script, a message of the console or a failed request fails the test;
    but for messages in which `expected` stands.
    """
    from playwright.sync_api import sync_playwright

    wrong: list[str] = []
    with sync_playwright() as playwright:
        # Tests may run as root, which the browser's own fence refuses; it sees nothing but the test.
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--no-proxy-server"]
        )
        page = browser.new_page(**options)
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        yield page
        browser.close()
    assert not [message for message in wrong if expected is None or expected not in message]
