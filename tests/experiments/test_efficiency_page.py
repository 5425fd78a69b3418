"""What the page about training patients says is what its runs hold."""

from __future__ import annotations

from experiments.efficiency.tables import behind, results
from lgg_seg.comparison.failures import FAILED
from lgg_seg.runs.folder import RunFolder
from tests.experiments.records import RECORDS


def test_the_page_says_what_fewer_patients_lack() -> None:
    summary = " ".join((RECORDS.parent / "docs" / "results.md").read_text(encoding="utf-8").split())
    page = " ".join((RECORDS / "efficiency" / "README.md").read_text(encoding="utf-8").split())
    few, some, most, everyone = results()
    gap = behind(few)
    assert gap.ci95 is not None
    assert f"too few: {-gap.mean:.3f} ({-gap.ci95[1]:.3f} to {-gap.ci95[0]:.3f}) of patient Dice is missing" in page
    assert f"cost {-gap.mean:.3f} of patient Dice ({-gap.ci95[1]:.3f} to {-gap.ci95[0]:.3f})" in summary
    dice = {len(RunFolder(one.runs[0].place).read_json("provenance.json")["split"]["train"]): one.patients["dice"]
            for one in (few, some, most, everyone)}  # fmt: skip
    assert set(dice) == {12, 24, 48, 61}
    failed = dice[12] < FAILED
    assert f"in {failed.sum()} of the {len(failed)} patients" in page
    assert (dice[61] - dice[12])[failed].sum() > (dice[61] - dice[12]).sum() / 2
    assert not (dice[61] < FAILED).any()
    gap = behind(some)
    assert gap.ci95 is not None
    lacking = f"{-gap.mean:.3f} ({-gap.ci95[1]:.3f} to {-gap.ci95[0]:.3f})"
    assert f"With 24, {lacking} is missing" in page
    assert f"24 cost {lacking}" in summary
    gap = behind(most)
    assert gap.ci95 is not None
    assert f"from all 61: {gap.mean:+.3f} ({gap.ci95[0]:+.3f} to {gap.ci95[1]:+.3f})" in page
    assert gap.ci95[0] < 0 < gap.ci95[1], "the page and the summary say that it cannot be told"
