"""The built site, a server for it, and a browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.site import chromium


@pytest.fixture(scope="session")
def site() -> Path:
    """Return the folder of the built site."""
    from tests.site.pages import HTML  # here: tests of the sources do without a built site

    return HTML


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """Serve the site and return its address."""
    handler = partial(QuietHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")  # Playwright runs an event loop, which must not outlive its module
def browser() -> Iterator[Browser]:
    """Start a Chromium; without one, skip the test, or fail it in CI."""
    path = chromium.find()
    if path is None:
        # the reason to skip: a reader's machine may have no browser that can be driven
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(chromium.MISSING)
    with sync_playwright() as playwright:
        arguments = ["--disable-gpu", "--disable-quic", "--disable-background-networking"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # Chromium's sandbox does not start for root
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
