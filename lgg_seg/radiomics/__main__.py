"""`python -m lgg_seg.radiomics features|outcome|answer key=value …`: shape features and outcome models."""

import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rich.console import Console
from rich.progress import Progress

from lgg_seg.cli.arguments import Argument, subcommands
from lgg_seg.data.arguments import MaskThreshold, Root
from lgg_seg.data.kaggle.index import Index, build_index
from lgg_seg.data.kaggle.listing import DEFAULT_ROOT
from lgg_seg.errors import require
from lgg_seg.messages import counted
from lgg_seg.radiomics import Imputation
from lgg_seg.runs.folder import RunFolder

if TYPE_CHECKING:
    from lgg_seg.radiomics.features import Features

Output = Annotated[Path | None, Argument("the folder to write to; null for a new one in runs/radiomics")]
Seed = Annotated[int, Argument("of folds, shuffles and bootstrap")]


def features(
    root: Root = DEFAULT_ROOT,
    run: Annotated[Path | None, Argument("a run's or evaluation's folder, for its predicted masks")] = None,
    output: Output = None,
    mask_threshold: MaskThreshold = None,
) -> int:
    """Measure area, centroid, spread and irregularity of every tumour, per slice and per patient."""
    from lgg_seg.radiomics.features import masked_patients, measure, predicted_volumes

    if run is None:
        measured = measure_masks(build_index(root, mask_threshold=mask_threshold))
    else:
        masks = run / "masks.npz"
        measured = measure(predicted_volumes(masks), len(masked_patients(masks)))
    folder = new_folder(output, "features")
    _write_features(folder, measured)
    written = folder.display_path / "shape_per_patient.csv"
    print(f"{counted(len(measured.per_patient), 'patient')}, {counted(len(measured.per_slice), 'slice')}: {written}, …")
    return 0


def outcome(
    target: Annotated[str, Argument("death01, grade, a molecular column, or one of its clusters: RNASeqCluster:2")],
    root: Root = DEFAULT_ROOT,
    run: Annotated[
        Path | None, Argument("a run, or its folds' folder or pattern (runs/fold-*): masks of patients it has not seen")
    ] = None,
    output: Output = None,
    repeats: Annotated[int, Argument("cross-validations with other folds, averaged")] = 5,
    permutations: Annotated[int, Argument("shuffles of the outcomes behind p; near 5 s each a question")] = 99,
    imputation: Annotated[
        Imputation, Argument("gaps from 5 neighbours of scaled values, or as study 004 from 4 of its codes, rounded")
    ] = "scaled",
    seed: Seed = 0,
    mask_threshold: MaskThreshold = None,
) -> int:
    """Predict an outcome from shape and clinical data by nested cross-validation over patients."""
    require(repeats >= 1, "repeats", repeats, "at least 1")
    require(permutations >= 0, "permutations", permutations, "0 or more")
    from lgg_seg.radiomics import outcome as outcomes
    from lgg_seg.radiomics.clinical import clinical_table, endpoints
    from lgg_seg.radiomics.features import measure
    from lgg_seg.radiomics.model import MODELS, OutcomeModel, models_json
    from lgg_seg.radiomics.predicted import out_of_fold_masks, out_of_fold_volumes
    from lgg_seg.reporting import outcomes as tables
    from lgg_seg.reporting.figures import write_png

    index = build_index(root, mask_threshold=mask_threshold)
    clinical = clinical_table(index)
    masks = None if run is None else out_of_fold_masks(index, run)
    if masks is not None:
        clinical = clinical.loc[[name for name in clinical.index if name in masks]]
        print(f"{len(masks)} of {len(index.patients)} patients have a mask from a network that had not seen them")
    predicted = endpoints(target, clinical)
    measured = measure_masks(index) if masks is None else measure(out_of_fold_volumes(index, masks), len(masks))
    folder = new_folder(output, f"outcome_{target.replace(':', '_')}")
    _write_features(folder, measured)  # before the minutes below, so that a read-only folder is reported at once
    shape = outcomes.shape_predictors(measured.per_patient)
    by_endpoint = [(one, outcomes.predictor_sets(one, clinical, shape)) for one in predicted]
    sets = [(one, name, table) for one, by_name in by_endpoint for name, table in by_name.items()]
    results = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(sets) * (repeats + permutations))
        options: dict[str, Any] = {"repeats": repeats, "permutations": permutations, "imputation": imputation}
        options |= {"seed": seed, "done": partial(progress.advance, task)}
        for endpoint, name, table in sets:
            progress.update(task, description=f"{endpoint.name} from {name}")
            results.append(outcomes.evaluate_endpoint(endpoint, clinical, name, table, **options))
    rows = outcomes.corrected(results)
    singles = [row for one in predicted for row in outcomes.single_features(one, clinical, shape, seed)]
    settings = [f"target={target}", f"repeats={repeats}", f"permutations={permutations}", f"seed={seed}"]
    settings += [f"imputation={imputation}"] if imputation != "scaled" else []
    settings += [f"run={run.name}"] if run is not None else []
    whose = "true" if masks is None else "predicted out of fold"
    made = provenance(index, "lgg_seg.radiomics outcome", settings)
    made |= {"masks": whose, "runs": sorted({file.parent.name for file in (masks or {}).values()})}
    models = [
        OutcomeModel.fitted(one, shape, measured.per_slice["slice_px"].unique().tolist(), whose, imputation)
        for one in results
        if one.predictors == outcomes.SHAPE
    ]
    folder.write_text(MODELS, models_json(models))
    folder.write_json("outcome.json", made | {"results": rows, "single": singles})
    folder.write_table("outcome.csv", tables.flat(rows))
    folder.write_table("single_features.csv", tables.flat(singles))
    folder.write_table("predictions.csv", tables.prediction_rows(results))
    with folder.writing("roc.png") as path:
        write_png(tables.roc_figure(tables.curves_by_endpoint(results)), path, 130)
    console = Console()
    for shown in [*tables.outcome_tables(rows), tables.single_table(singles)]:
        console.print(shown)
    print(f"written to {folder.display_path}")
    return 0


def answer(
    model: Annotated[Path, Argument("the folder that outcome wrote")],
    masks: Annotated[Path, Argument("a folder of predicted masks, as lgg_seg.predict writes them")],
) -> int:
    """Answer for new patients, from the shape of their tumours, what an outcome model was made for."""
    from lgg_seg.radiomics.features import measure
    from lgg_seg.radiomics.masks import mask_volumes
    from lgg_seg.radiomics.model import read_models
    from lgg_seg.radiomics.outcome import shape_predictors
    from lgg_seg.reporting.outcomes import answer_table

    models, volumes = read_models(model), mask_volumes(masks)
    empty = [volume.patient for volume in volumes if not volume.mask.any()]
    volumes = [volume for volume in volumes if volume.mask.any()]
    for volume, one in ((volume, one) for volume in volumes for one in models):
        one.require_grid_of(volume)
    if volumes:
        shape = shape_predictors(measure(iter(volumes), len(volumes)).per_patient)
        Console().print(*(answer_table(one, list(shape.index), one.answer(shape)) for one in models), sep="\n")
    for patient in empty:
        print(f"{patient}: no tumour in the masks, so there is no shape to answer from")
    return 1 if empty else 0


def measure_masks(index: Index) -> "Features":
    from lgg_seg.radiomics.features import dataset_volumes, measure

    return measure(dataset_volumes(index), len(index.patients))


def new_folder(output: Path | None, name: str) -> RunFolder:
    """The folder `output`, or a new one in `runs/radiomics`."""
    return RunFolder(output or Path("runs/radiomics") / f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{name}")


def _write_features(folder: RunFolder, measured: "Features") -> None:
    for name, table in (("slice", measured.per_slice), ("patient", measured.per_patient)):
        folder.write_table(f"shape_per_{name}.csv", table)


def provenance(index: Index, command: str, settings: Sequence[str]) -> dict[str, Any]:
    """What made a result: command, code, versions, data."""
    import sklearn

    from lgg_seg.runs.provenance import code_state, versions

    return {
        "command": ["python", "-m", *command.split(), *settings],
        "code": code_state(),
        "versions": versions() | {"scikit-learn": sklearn.__version__},
        "data_fingerprint": index.fingerprint,
        "patients": len(index.patients),
        "slices": len(index.slices),
    }


main = subcommands("lgg_seg.radiomics", features=features, outcome=outcome, answer=answer)

if __name__ == "__main__":
    sys.exit(main())
