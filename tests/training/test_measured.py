"""`evaluate zoo=…`: a model of the zoo on a data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from lgg_seg.evaluate import main, measure
from lgg_seg.predict import predict


def test_a_model_of_the_zoo_scores_on_a_tree_what_predict_scores_there(phantom_root: Path, tmp_path: Path) -> None:
    place, content = measure(zoo="unet_slim", data_root=phantom_root, device="cpu", output=tmp_path / "evaluated")
    predicted = predict(tmp_path / "predicted", phantom_root, zoo="unet_slim", device="cpu", overlays="none")
    scores = [row["dice"] for row in predicted.volumes]
    assert (content["split"], content["patients"], content["seen_patients"]) == ("all", 12, 0)
    # `predict` folds batch normalisation into the convolutions, which rounds otherwise in bf16.
    assert content["metrics"]["patient/dice"]["mean"] == pytest.approx(sum(scores) / 12, abs=1e-3)
    assert (place / "per_patient.csv").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "run=RUN or zoo=NAME"),
        (("run=a", "zoo=unet_slim"), "run=RUN or zoo=NAME"),
        (("zoo=unet_slim",), "zoo=unet_slim needs data.root=FOLDER"),
        (("zoo=unet_slim", "data.root=.", "split=val"), "split=val is of a run's own data"),
        (("zoo=,",), ", is an empty list; name one or more"),
        (("zoo=unet_slin", "data.root=."), "did you mean unet_slim"),
    ],
)
def test_what_names_no_network_or_no_patients_is_one_sentence(
    words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(list(words)) == 2
    assert says in capsys.readouterr().err
