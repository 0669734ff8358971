"""The page in headless Chromium, against the app on a free port, with what it was sent recorded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Nothing that Chromium would ask of the network by itself.
ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, DESKTOP = (390, 844), (1280, 800)
WAIT_MS = 20_000


@dataclass
class Site:
    """An app being served. sent: the bodies of POST /api/identify, in order."""

    url: str
    sent: list[bytes] = field(default_factory=list)

    @property
    def photographs_sent(self) -> int:
        """In how many identifications there were photographs."""
        return sum(b'name="photos"' in body for body in self.sent)


class Recorder:
    """ASGI middleware that keeps what is sent to /api/identify."""

    def __init__(self, app: Any, sent: list[bytes]) -> None:
        self.app, self.sent = app, sent

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/api/identify":
            await self.app(scope, receive, send)
            return
        body = bytearray()

        async def recorded() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    self.sent.append(bytes(body))
            return message

        await self.app(scope, recorded, send)


Host = Callable[..., Any]
OpenPage = Callable[..., "Page"]


@pytest.fixture(scope="session")
def host(serve: Any) -> Host:
    """`with host(identifier, **limits) as site:` an app on a free port."""
    pytest.importorskip("fastapi", reason="needs the extra web")
    from mineralid.web.app import create_app

    @contextmanager
    def hosting(identifier: Any, **limits: Any) -> Iterator[Site]:
        sent: list[bytes] = []
        app = create_app(identifier, decode_workers=1, **limits)
        app.add_middleware(Recorder, sent=sent)
        with serve(app) as (address, port):
            yield Site(f"http://{address}:{port}/", sent)

    return hosting


@pytest.fixture(scope="module")
def site(browser: Browser, host: Host, shipped: Any) -> Iterator[Site]:
    """The app with the bundle that ships."""
    with host(shipped) as hosted:
        yield hosted


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; of a module, because Playwright holds the thread's event loop."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        missing("Playwright for Python is not installed")
    found = executable()
    if found is None:
        missing(f"no Chromium found: none of {', '.join(BROWSERS)} on the path")
    sandbox = [] if os.name == "posix" and os.geteuid() else ["--no-sandbox"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=ARGUMENTS + sandbox)
        yield started
        started.close()


def executable() -> str | None:
    """MINERALID_CHROMIUM, or a Chromium on the path."""
    named = os.environ.get("MINERALID_CHROMIUM")
    if named:
        return named if Path(named).exists() else None
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def missing(reason: str) -> NoReturn:
    """Skip, or fail where a browser must be there."""
    if os.environ.get("MINERALID_REQUIRE_BROWSER") == "1":
        pytest.fail(f"MINERALID_REQUIRE_BROWSER is set, but {reason}")
    pytest.skip(reason)


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[OpenPage]:
    """`open_page(size, language="en", scheme="light", of=site)`: the page, ready, watched for errors.

    The test fails where a script failed or the Content-Security-Policy forbade something.
    """
    contexts = []
    wrong: list[str] = []

    def opened(
        size: tuple[int, int] = PHONE,
        language: str = "en",
        scheme: Any = "light",
        of: Site = site,
        path: str = "",
    ) -> Page:
        narrow = size[0] < 500
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            locale={"en": "en-GB", "zh": "zh-CN"}[language],
            color_scheme=scheme,
            has_touch=narrow,
            is_mobile=narrow,
            accept_downloads=True,
            reduced_motion="reduce",
        )
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: note(said.type, said.text))
        page.goto(of.url + path)
        page.wait_for_selector("html.is-ready")
        return page

    def note(kind: str, text: str) -> None:
        # Chromium writes every answer of 400 and above to the console: these are no errors here.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            wrong.append(text)

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture(scope="session")
def stones(draw: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`stones(seed, kind="pyrite", size=400)`: the file of a drawn stone."""
    folder = tmp_path_factory.mktemp("stones")

    def stone(seed: int = 1, kind: str = "pyrite", size: int = 400) -> Path:
        path = folder / f"{kind}-{seed}-{size}.jpg"
        if not path.exists():
            path.write_bytes(draw(seed, kind=kind, size=size))
        return path

    return stone
