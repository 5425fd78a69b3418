"""The page in a real browser: what a reader sees of it, on a desk and on a phone."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lgg_seg.app.limits import MAX_UPLOAD
from lgg_seg.app.page import NOTICE
from tests.app.chromium import PATIENCE, Tab, program, tab
from tests.app.dropped import patient, zipped
from tests.app.server import serving

pytest.importorskip("websockets", reason="Chromium is spoken to over a web socket, for which `websockets` is needed")
pytestmark = pytest.mark.skipif(program() is None, reason="no Chromium is installed")

DESK, PHONE = 1400, 420
DONE = "document.body.innerText.includes('Volume (CSV)') && !document.querySelector('[data-stale=true]')"
PICTURES = "[...document.querySelectorAll('[data-testid=stImage] img')]"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as (_, address):
        yield address


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with tab(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(scope="module")
def head(heads: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dropped") / "head.zip"
    path.write_bytes(zipped(patient(heads)))
    return path


def opened(window: Tab, address: str, width: int) -> Tab:
    window.requests.clear()
    window.complaints.clear()
    window.open(address, width)
    window.wait("!!document.querySelector('input[type=file]')")
    return window


@pytest.fixture(scope="module", params=[DESK, PHONE])
def shown(request: pytest.FixtureRequest, window: Tab, address: str, head: Path) -> Tab:
    """The page with a patient on it, and its pictures loaded."""
    opened(window, address, request.param)
    window.drop(head)
    window.wait(DONE)
    window.wait(f"{PICTURES}.length == 2 && {PICTURES}.every(one => one.complete && one.naturalWidth == 768)")
    window.wait("!!document.querySelector('[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg')")
    return window


def in_sight(window: Tab, text: str) -> bool:
    """Whether the smallest element with that text lies wholly inside the window, with nothing over it."""
    return bool(
        window.ask(
            f"""(() => {{
              const all = [...document.querySelectorAll('body *')];
              const found = all.filter(one => one.innerText?.includes({json.dumps(text)})).at(-1);
              const box = found.getBoundingClientRect();
              const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
              return box.width > 0 && box.x >= 0 && box.right <= innerWidth && box.bottom <= innerHeight
                && (found.contains(top) || top.contains(found));
            }})()"""
        )
    )


def test_a_reader_sees_everything_and_nothing_is_cut_off(shown: Tab) -> None:
    text = shown.text()
    for words in ("Threshold", "Sequence", "Outlines", "prediction, P ≥ 0.50", "ground truth", "highest here", "Dice",
                  "Features of the volume", "Masks (zip of TIFF)", "About the network"):  # fmt: skip
        assert words in text
    assert shown.ask("document.documentElement.scrollWidth <= innerWidth")
    boxes = f"{PICTURES}.map(one => one.getBoundingClientRect()).every(b => b.x >= 0 && b.right <= innerWidth)"
    assert shown.ask(boxes)
    assert not shown.complaints


def test_that_it_is_no_medical_device_is_in_sight_wherever_one_scrolls(shown: Tab) -> None:
    assert in_sight(shown, NOTICE)
    shown.ask("document.querySelector('[data-testid=stMain]').scrollTo(0, 1e6)")
    assert in_sight(shown, NOTICE)


def test_nothing_is_asked_of_any_other_computer(shown: Tab, address: str) -> None:
    asked = [url for _, url in shown.requests if not url.startswith(("data:", "blob:"))]
    assert len(asked) > 5
    assert all(url.startswith((address, address.replace("http", "ws"))) for url in asked), asked


@pytest.mark.parametrize("shown", [DESK], indirect=True)
def test_the_arrow_keys_go_through_the_volume(shown: Tab) -> None:
    before = shown.ask(f"{PICTURES}.map(one => one.src)")
    number = int(shown.ask("document.body.innerText.match(/slice (\\d+)\\s+volume/)[1]"))
    shown.ask("document.querySelector('input[aria-label^=\"Slice, of\"]').focus()")
    key, code, step = ("ArrowLeft", 37, -1) if number > 1 else ("ArrowRight", 39, 1)
    shown.press(key, code)
    shown.wait(f"/slice {number + step}\\s+volume/.test(document.body.innerText)")
    shown.wait(f"{PICTURES}.every((one, k) => one.src != {json.dumps(before)}[k] && one.complete)")


@pytest.mark.parametrize("shown", [DESK], indirect=True)
def test_the_masks_and_the_table_come_down_as_files(shown: Tab, window: Tab, tmp_path: Path) -> None:
    window.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    for label in ("Masks (zip of TIFF)", "Slices (CSV)"):
        script = "[...document.querySelectorAll('button')].find(one => one.innerText.includes({})).click()"
        shown.ask(script.format(json.dumps(label)))
    ends = time.monotonic() + PATIENCE
    while len(found := [path for path in tmp_path.iterdir() if path.suffix in (".zip", ".csv")]) < 2:
        assert time.monotonic() < ends, list(tmp_path.iterdir())
        time.sleep(0.1)
    masks, table = sorted(found, key=lambda path: path.suffix, reverse=True)
    with zipfile.ZipFile(masks) as archive:
        areas = [int((np.asarray(Image.open(archive.open(name))) == 255).sum()) for name in archive.namelist()]
    rows = [line.split(",") for line in table.read_text().splitlines()]
    column = rows[0].index("area_px")
    assert [int(row[column]) for row in rows[1:]] == areas
    assert sum(areas) > 100


def test_the_server_takes_no_more_bytes_than_the_limit_whatever_the_page_lets_through(
    window: Tab, address: str, head: Path
) -> None:
    """The same upload as the page's own, with more in it, past the check that the browser makes."""
    opened(window, address, DESK)
    window.drop(head)
    window.wait(DONE)
    place = next(url for method, url in window.requests if method == "PUT")
    send = """(async () => {{
      const form = new FormData();
      form.append('file', new Blob([new Uint8Array({size})]), 'a_1.tif');
      const token = document.cookie.match(/_streamlit_xsrf=([^;]*)/)?.[1] ?? '';
      const headers = {{'X-Xsrftoken': token}};
      return (await fetch({place}, {{method: 'PUT', body: form, headers}})).status;
    }})()"""
    assert window.ask(send.format(size=1000, place=json.dumps(place))) == 204
    assert window.ask(send.format(size=MAX_UPLOAD + 1, place=json.dumps(place))) == 413


def test_what_is_no_good_is_told_in_the_browser_too(window: Tab, address: str, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.zip"
    bomb.write_bytes(zipped({f"a_{n}.tif": bytes(16_000_000) for n in range(17)}))
    opened(window, address, PHONE)
    window.drop(bomb)
    window.wait("document.body.innerText.includes('bomb.zip unpacks to more than 256 MB')")
    assert in_sight(window, NOTICE)
    assert "Traceback" not in window.text()
