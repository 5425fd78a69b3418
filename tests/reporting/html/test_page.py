"""The page as a browser without a network gets it: parsed, and compared with the board."""

from __future__ import annotations

import base64
import json
import re
import shutil
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lgg_seg.comparison.runs import find_runs
from lgg_seg.comparison.tables import Leaderboard, build_leaderboard
from lgg_seg.errors import UserError
from lgg_seg.reporting.columns import difference, holm_p, metric_columns
from lgg_seg.reporting.html import write_report
from lgg_seg.statistics.paired import METHOD
from tests.comparison.run_folders import tree_volumes, volumes, write_run
from tests.reporting.html.parsed_page import images, parse

EVIL = "<script>alert(1)</script>"


def report(folder: Path) -> tuple[Leaderboard, str]:
    """The page over the runs in a folder, written beside them."""
    board = build_leaderboard(find_runs([folder]))
    write_report(board, folder / "leaderboard.html")
    return board, (folder / "leaderboard.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two networks with two seeds each, a leaky run, a failed one, and one asked for with a script as its name."""
    folder = tmp_path_factory.mktemp("sweep")
    for seed in (1, 2):
        write_run(folder / f"slim_{seed}", ["model=unet_slim", f"seed={seed}"], dice=0.6 + seed / 50)
        easy = dict.fromkeys(volumes(6), 0.8) | {next(iter(volumes(6))): 0.3}
        write_run(folder / f"bn_{seed}", ["model=unet_bn", f"seed={seed}"], dice=easy, cost={"parameters": 7_760_000})
    write_run(folder / "leaky", ["split=slice_random"], dice=0.99, protocol="slice_random (leaky)")
    write_run(folder / "broken", ["optimizer.lr=-1"], state="failed", reason=f"{folder}/x.ckpt is {EVIL}")
    return folder


@pytest.fixture(scope="module")
def mixed_report(mixed: Path) -> tuple[Leaderboard, str]:
    return report(mixed)


@pytest.fixture(scope="module")
def one_report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A single run, of those made before masks were kept."""
    folder = tmp_path_factory.mktemp("one")
    write_run(folder / "0", dice=0.3, masks=False)
    return report(folder)[1]


def test_the_page_is_well_formed_and_loads_nothing(mixed_report: tuple[Leaderboard, str]) -> None:
    _, html = mixed_report
    page = parse(html)
    assert html.startswith("<!doctype html>")
    assert not re.search(r"https?:", html.replace("http://www.w3.org/", "")), "no address of the network"
    assert page.attributes("img", "src"), "there are figures"
    assert all(source.startswith("data:image/") for source in page.attributes("img", "src"))
    assert not page.attributes("link", "href")
    assert not page.attributes("script", "src")
    assert "url(" not in html
    assert "@import" not in html
    (policy,) = [one["content"] for tag, one in page.tags if tag == "meta" and "http-equiv" in one]
    assert "default-src 'none'" in str(policy)


def test_every_image_is_whole_and_has_an_alt_text(mixed_report: tuple[Leaderboard, str]) -> None:
    page = parse(mixed_report[1])
    assert all(len(alt) > 20 for alt in page.attributes("img", "alt"))
    assert len(page.attributes("img", "alt")) == len(page.attributes("img", "src"))
    for source in page.attributes("img", "src"):
        kind, _, data = source.partition(";base64,")
        content = base64.b64decode(data, validate=True)
        if kind == "data:image/svg+xml":
            assert ElementTree.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
        else:
            assert (content[:4], content[8:12]) == (b"RIFF", b"WEBP")


def test_every_number_of_the_table_is_the_entrys_own(mixed_report: tuple[Leaderboard, str]) -> None:
    board, html = mixed_report
    rows = [row for row in parse(html).rows if "name" in row]
    entries = [(table, entry) for table in board.tables for entry in table.entries]
    assert len(rows) == len(entries) == 3
    for row, (table, entry) in zip(rows, entries, strict=True):
        dice = entry.metrics["patient/dice"]
        assert row["name"] == entry.label
        assert row["dice"] == f"{dice['mean']:.3f}{dice['ci95'][0]:.3f} to {dice['ci95'][1]:.3f}"
        for column in metric_columns():
            if column.key != "patient_dice":
                assert row[column.key].removesuffix(" (best)") == column.cell(entry), column.key
        if len(table.entries) > 1:
            place = table.entries.index(entry)
            assert re.sub(r"[ ()]", "", row["difference"]) == re.sub(r"[ ()]", "", difference(entry))
            assert row["p"] == holm_p(entry)
            assert row["first"] == f"{table.ranks[place, 0]:.0%}"
        assert row["seeds"].partition(" ")[0] == str(len(entry.seeds))
        assert row["folds"] == str(entry.folds)


def test_the_best_of_a_column_is_marked_where_there_is_a_better(mixed_report: tuple[Leaderboard, str]) -> None:
    board, html = mixed_report
    first = board.tables[0]
    rows = [row for row in parse(html).rows if "name" in row][: len(first.entries)]
    means = [entry.metrics["patient/hd95_px"]["mean"] for entry in first.entries]
    marked = [row["patient_hd95_px"].endswith("(best)") for row in rows]
    assert marked == [mean == min(means) for mean in means], "of distances the smallest"
    assert not any(row["parameters"].endswith("(best)") for row in rows), "more parameters are neither good nor bad"


def test_the_page_has_the_verdict_the_method_and_the_failed_patients(mixed_report: tuple[Leaderboard, str]) -> None:
    board, html = mixed_report
    text = parse(html).plain
    for table in board.tables:
        assert table.verdict in text
    assert METHOD in text
    assert "There is no patient on whom every configuration fails (Dice below 0.5" in text


def test_a_leaky_table_has_its_banner_and_no_figures(mixed_report: tuple[Leaderboard, str]) -> None:
    board, html = mixed_report
    assert [table.comparability.leaky for table in board.tables] == [False, True]
    _, leaky = html.split('<section id="table-2"')
    leaky = leaky.split("</section>")[0]
    assert '<div class="leaks" role="alert"><strong>LEAKS</strong>' in leaky
    assert "say nothing of a new patient" in leaky
    assert "<img" not in leaky
    assert 'role="alert"' not in html.split('<section id="table-2"')[0]


def test_a_board_of_leaky_runs_alone_has_the_banner_too(tmp_path: Path) -> None:
    write_run(tmp_path / "0", dice=0.99, protocol="slice_random (leaky)")
    assert "<strong>LEAKS</strong>" in report(tmp_path)[1]


def test_runs_without_a_result_stand_there_with_their_reason(mixed_report: tuple[Leaderboard, str]) -> None:
    page = parse(mixed_report[1])
    assert "1 run has no result and is in no table" in page.plain
    assert f"failed…/x.ckpt is {EVIL}" in page.plain, "cut off is the folder, and nothing else"


def test_text_of_a_run_cannot_become_markup(mixed_report: tuple[Leaderboard, str], tmp_path: Path) -> None:
    assert EVIL not in mixed_report[1]
    assert len(parse(mixed_report[1]).attributes("section", "id")) == 5
    texts = (EVIL, "\"'><img src=x>", "$x^2_{")
    for number, text in enumerate(texts):
        write_run(tmp_path / str(number))
        with (tmp_path / str(number) / "config.yaml").open("a", encoding="utf-8") as file:
            file.write(f"note: {json.dumps(text)}\n")
    board, html = report(tmp_path)
    assert {entry.label for entry in board.tables[0].entries} == {f"unet_bn, {text}" for text in texts}
    page = parse(html)
    assert page.attributes("script", "src") == []
    assert len([tag for tag, _ in page.tags if tag == "script"]) == 1
    assert EVIL in page.text
    assert EVIL not in html


def test_the_page_has_no_path_of_the_machine_and_links_the_runs(
    mixed: Path, mixed_report: tuple[Leaderboard, str]
) -> None:
    board, html = mixed_report
    assert str(mixed) not in html
    assert str(mixed.parent) not in html
    assert str(Path.home()) + "/" not in html
    links = [href for href in parse(html).attributes("a", "href") if not href.startswith("#")]
    assert sorted(links) == sorted(f"{run.folder.name}/" for run in board.runs)
    assert all((mixed / link / "status.json").is_file() for link in links)


def test_links_lead_from_another_folder_too(mixed: Path, tmp_path: Path) -> None:
    page = tmp_path / "with space" / "page.html"
    page.parent.mkdir()
    write_report(build_leaderboard(find_runs([mixed / "bn_1"])), page)
    (link,) = [
        href for href in parse(page.read_text(encoding="utf-8")).attributes("a", "href") if not href.startswith("#")
    ]
    assert (page.parent / link).resolve() == (mixed / "bn_1").resolve()


def test_runs_that_are_not_alike_are_warned_of(tmp_path: Path) -> None:
    write_run(tmp_path / "0", ["model=unet_slim"])
    write_run(tmp_path / "1", ["model=unet_bn"], dirty=True, precision="bf16-mixed")
    text = parse(report(tmp_path)[1]).plain
    assert "1 of 2 runs was made by code with changes that no commit holds" in text
    assert "different precisions: 32-true (1 run), bf16-mixed (1 run)" in text


def test_runs_that_are_alike_are_not_warned_of(one_report: str) -> None:
    assert "Before you read on" not in one_report


def test_only_failed_runs_make_a_page_too(tmp_path: Path) -> None:
    write_run(tmp_path / "0", state="failed", reason="RuntimeError: too bad")
    text = parse(report(tmp_path)[1]).plain
    assert "No run has a result yet" in text
    assert "RuntimeError: too bad" in text


def test_one_entry_has_nothing_to_compare_and_says_so(one_report: str) -> None:
    text = parse(one_report).plain
    assert "is the only configuration: there is nothing to compare it with" in text
    assert "The configuration fails on 6 patients" in text
    for heading in ("Dice against cost", "How sure is the ranking?", "against the best", "cannot be told apart"):
        assert heading not in text


def test_a_single_patient_is_enough(tmp_path: Path) -> None:
    for number, model in enumerate(("unet_slim", "unet_bn")):
        write_run(tmp_path / str(number), [f"model={model}"], truths=volumes(1), dice=0.5 + number / 5)
    assert "A single patient cannot separate" in parse(report(tmp_path)[1]).plain


def test_a_note_says_that_runs_hold_no_masks_and_the_rest_stays(one_report: str) -> None:
    text = parse(one_report).plain
    assert "No contours can be drawn" in text
    assert "Every patient" in text
    assert not images(one_report, "webp")


def test_runs_without_boundary_and_institution_make_a_page_too(tmp_path: Path) -> None:
    write_run(tmp_path / "0", dice=0.2, masks=False)
    for name in ("per_patient.csv", "metrics.json"):
        file = tmp_path / "0" / name
        file.write_text(older(name, file.read_text(encoding="utf-8")), encoding="utf-8")
    page = parse(report(tmp_path)[1])
    assert "By tumour size" in page.plain
    assert "By boundary" not in page.plain
    assert "Are the probabilities right?" not in page.plain


def older(name: str, text: str) -> str:
    """A file as it was written before those columns existed."""
    if name == "metrics.json":
        return text.replace('"calibration_bins"', '"unknown"')
    return re.sub(r"boundary_complexity|institution|missing_sequence", lambda found: f"x_{found[0]}", text)


def test_contours_stand_on_the_slices_or_on_black_without_the_data(phantom_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    shutil.copytree(phantom_root, root)
    truths = tree_volumes(root, 4)
    write_run(tmp_path / "runs" / "0", [f"data.root={root}"], truths=truths)
    _, html = report(tmp_path / "runs")
    with_slices = images(html, "webp")
    assert len(with_slices) == 4 * 2, "the head, and what the network made of it"
    assert "Contours stand on black" not in html
    shutil.rmtree(root)
    _, html = report(tmp_path / "runs")
    on_black = images(html, "webp")
    assert "Contours stand on black" in html
    assert all(len(black) < len(drawn) for black, drawn in zip(on_black, with_slices, strict=True))


def test_training_patients_are_plotted_where_their_number_varies(tmp_path: Path) -> None:
    for number, count in enumerate((12, 24)):
        write_run(tmp_path / str(number), [f"data.train_patients={count}"], train_patients=count, dice=0.5 + number / 9)
    page = parse(report(tmp_path)[1])
    assert "Do more training patients help?" in page.plain
    assert any("12 patients, 0.5" in alt and "24 patients, 0.6" in alt for alt in page.attributes("img", "alt"))


def test_ten_entries_stay_below_five_megabytes(phantom_root: Path, tmp_path: Path) -> None:
    truths = tree_volumes(phantom_root, 8)
    for number in range(10):
        overrides = [f"optimizer.lr={(number + 1) / 1000}", f"data.root={phantom_root}"]
        write_run(tmp_path / str(number), overrides, truths=truths, dice=0.4 + number / 20)
    board, html = report(tmp_path)
    assert len(board.tables[0].entries) == 10
    assert len(images(html, "webp")) == 8 * 4, "the head, and the best three"
    assert len(html) < 5_000_000


def test_the_same_runs_make_the_same_page(mixed: Path, mixed_report: tuple[Leaderboard, str]) -> None:
    assert report(mixed)[1] == mixed_report[1]


def test_the_page_is_whole_or_not_there(mixed: Path, tmp_path: Path) -> None:
    board = build_leaderboard(find_runs([mixed / "bn_1"]))
    (tmp_path / "page.html").mkdir()
    with pytest.raises(UserError, match=r"page\.html cannot be written"):
        write_report(board, tmp_path / "page.html")
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]


def test_the_package_holds_the_files_of_the_page() -> None:
    for name in ("template.html.j2", "board.html.j2", "figures.html.j2", "macros.html.j2", "style.css", "page.js"):
        assert (files("lgg_seg.reporting.html") / name).is_file()
