"""The page in a real browser, on a desk and on a phone."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from lgg_seg.app.limits import MAX_UPLOAD
from lgg_seg.app.page import NOTICE
from tests.app.dropped import patient, zipped
from tests.app.server import serving

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Without a sandbox: root may not have one, and the only pages it opens are ours.
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync", "--disable-dev-shm-usage",
           "--disable-background-networking", "--disable-component-update"]  # fmt: skip
PATIENCE = 60_000.0  # milliseconds
DESK, PHONE = 1400, 420
DONE = "document.body.innerText.includes('Volume (CSV)') && !document.querySelector('[data-stale=true]')"
PICTURES = "[...document.querySelectorAll('[data-testid=stImage] img')]"


def program() -> str | None:
    """The first Chromium that is installed and can be started."""
    for name in PROGRAMS:
        path = shutil.which(name)
        if path and subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0:
            return path
    return None


PROGRAM = program()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    """The server, its address, and the folder for what is temporary."""
    folder = tmp_path_factory.mktemp("server")
    with serving(folder) as (process, address):
        yield process, address, folder


@pytest.fixture(scope="module")
def address(server: tuple[subprocess.Popen[str], str, Path]) -> str:
    return server[1]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def head(heads: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dropped") / "head.zip"
    path.write_bytes(zipped(patient(heads)))
    return path


class Tab:
    """A tab with the page, the requests (method, address) that it made, and the errors of its console."""

    def __init__(self, browser: Browser, address: str, width: int) -> None:
        self.page: Page = browser.new_page(viewport={"width": width, "height": 1000})
        self.page.set_default_timeout(PATIENCE)
        self.requests: list[tuple[str, str]] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append((request.method, request.url)))
        self.page.on("websocket", lambda socket: self.requests.append(("GET", socket.url)))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.goto(address)

    def drop(self, file: Path) -> None:
        self.page.set_input_files("input[type=file]", file)

    def is_visible(self, text: str) -> bool:
        """Whether the smallest element with that text lies wholly inside the window, with nothing over it."""
        return bool(
            self.page.evaluate(
                """text => {
                  const all = [...document.querySelectorAll('body *')];
                  const smallest = all.filter(one => one.innerText?.includes(text)).at(-1);
                  const box = smallest.getBoundingClientRect();
                  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
                  return box.width > 0 && box.x >= 0 && box.right <= innerWidth && box.bottom <= innerHeight
                    && (smallest.contains(top) || top.contains(smallest));
                }""",
                text,
            )
        )


@pytest.fixture(scope="module", params=[DESK, PHONE])
def tab(request: pytest.FixtureRequest, browser: Browser, address: str, head: Path) -> Iterator[Tab]:
    """The page with a patient on it, and its pictures loaded."""
    tab = Tab(browser, address, request.param)
    tab.drop(head)
    tab.page.wait_for_function(DONE)
    tab.page.wait_for_function(
        f"{PICTURES}.length == 2 && {PICTURES}.every(one => one.complete && one.naturalWidth == 768)"
    )
    tab.page.wait_for_selector("[data-testid=stVegaLiteChart] :is(canvas, svg)")
    yield tab
    tab.page.close()


def test_everything_is_on_the_page_and_nothing_is_cut_off(tab: Tab) -> None:
    text = tab.page.inner_text("body")
    for words in ("Threshold", "Sequence", "Outlines", "prediction, P ≥ 0.50", "ground truth", "highest here", "Dice",
                  "Features of the volume", "Masks (zip)", "About the network"):  # fmt: skip
        assert words in text
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    boxes = f"{PICTURES}.map(one => one.getBoundingClientRect()).every(b => b.x >= 0 && b.right <= innerWidth)"
    assert tab.page.evaluate(boxes)
    assert not tab.errors


def test_the_notice_is_visible_wherever_one_scrolls(tab: Tab) -> None:
    assert tab.is_visible(NOTICE)
    tab.page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 1e6)")
    assert tab.is_visible(NOTICE)


def test_the_page_contacts_no_other_computer(tab: Tab, address: str) -> None:
    requested = [url for _, url in tab.requests if not url.startswith(("data:", "blob:"))]
    assert len(requested) > 5
    assert all(url.startswith((address, address.replace("http", "ws"))) for url in requested), requested


@pytest.mark.parametrize("tab", [DESK], indirect=True)
def test_the_arrow_keys_go_through_the_volume(tab: Tab) -> None:
    before = tab.page.evaluate(f"{PICTURES}.map(one => one.src)")
    number = int(tab.page.evaluate("document.body.innerText.match(/slice (\\d+)\\s+volume/)[1]"))
    tab.page.focus("input[aria-label^='Slice, of']")
    key, step = ("ArrowLeft", -1) if number > 1 else ("ArrowRight", 1)
    tab.page.keyboard.press(key)
    tab.page.wait_for_function(f"/slice {number + step}\\s+volume/.test(document.body.innerText)")
    tab.page.wait_for_function(
        f"before => {PICTURES}.every((one, k) => one.src != before[k] && one.complete)", arg=before
    )


@pytest.mark.parametrize("tab", [DESK], indirect=True)
def test_the_wheel_on_a_picture_goes_through_the_volume(tab: Tab) -> None:
    number = int(tab.page.evaluate("document.body.innerText.match(/slice (\\d+)\\s+volume/)[1]"))
    step = -1 if number > 1 else 1
    tab.page.hover("[data-testid=stImage] img")
    tab.page.mouse.wheel(0, 120 * step)
    tab.page.wait_for_function(f"/slice {number + step}\\s+volume/.test(document.body.innerText)")


def test_the_arrow_keys_work_at_once_after_the_example_was_clicked(browser: Browser, address: str) -> None:
    tab = Tab(browser, address, PHONE)
    tab.page.get_by_text("Show an example").click()
    tab.page.wait_for_function(DONE)
    number = int(tab.page.evaluate("document.body.innerText.match(/slice (\\d+)\\s+volume/)[1]"))
    tab.page.keyboard.press("ArrowLeft")
    tab.page.wait_for_function(f"/slice {number - 1}\\s+volume/.test(document.body.innerText)")
    tab.page.close()


@pytest.mark.parametrize("tab", [DESK], indirect=True)
def test_the_masks_and_the_tables_are_downloaded(tab: Tab) -> None:
    files = []
    for label in ("Masks (zip)", "Slices (CSV)"):
        with tab.page.expect_download() as download:
            tab.page.get_by_role("button", name=label).click()
        files.append(download.value.path())
    masks, table = files
    with zipfile.ZipFile(masks) as archive:
        areas = [int((np.asarray(Image.open(archive.open(name))) == 255).sum()) for name in archive.namelist()]
    rows = [line.split(",") for line in table.read_text(encoding="utf-8").splitlines()]
    column = rows[0].index("area_px")
    assert [int(row[column]) for row in rows[1:]] == areas
    assert sum(areas) > 100


@pytest.mark.parametrize("tab", [DESK], indirect=True)
def test_the_server_refuses_more_bytes_than_the_limit(tab: Tab) -> None:
    """The same upload as the page's own, with more in it, past the check that the browser makes."""
    place = next(url for method, url in tab.requests if method == "PUT")
    send = """async size => {
      const form = new FormData();
      form.append('file', new Blob([new Uint8Array(size)]), 'a_1.tif');
      const token = document.cookie.match(/_streamlit_xsrf=([^;]*)/)?.[1] ?? '';
      const headers = {'X-Xsrftoken': token};
      return (await fetch(PLACE, {method: 'PUT', body: form, headers})).status;
    }""".replace("PLACE", json.dumps(place))
    assert tab.page.evaluate(send, 1000) == 204
    assert tab.page.evaluate(send, MAX_UPLOAD + 1) == 413


def test_a_bad_upload_is_named_in_the_browser_too(browser: Browser, address: str, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    bomb.write_bytes(zipped({f"a_{n}.tif": bytes(16_000_000) for n in range(17)}))
    tab = Tab(browser, address, PHONE)
    tab.drop(bomb)
    tab.page.wait_for_function("document.body.innerText.includes('bomb.zip unpacks to more than 256 MB')")
    assert tab.is_visible(NOTICE)
    assert "Traceback" not in tab.page.inner_text("body")
    tab.page.close()


def test_no_upload_stays_on_the_disk_when_the_terminal_is_closed(
    browser: Browser, server: tuple[subprocess.Popen[str], str, Path]
) -> None:
    """The last test of this server."""
    process, address, folder = server
    tab = Tab(browser, address, PHONE)
    tab.page.get_by_text("Show an example").click()
    tab.page.wait_for_function(DONE)
    assert list(folder.glob("lgg_seg_*/upload/*"))
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=30) == 0
    assert not list(folder.glob("lgg_seg_*"))
