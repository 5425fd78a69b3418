"""`python -m lgg_seg.zoo list|add`: the models that ship with the package, and a new one out of a run."""

import sys
from pathlib import Path
from typing import Annotated

from lgg_seg.cli.arguments import Argument, subcommands
from lgg_seg.inference.zoo import DEFAULT, MODELS, PAGE, names, read_card


def list_models() -> int:
    """Name every model with its size and Dice; the default is what `predict` takes where none is named."""
    for name in names():
        card = read_card(MODELS / name)
        dice, patients = card["metrics"]["patient/dice"]["mean"], card["tested"]["patients"]
        how = "in cross-validation" if "statement" in card["tested"] else "in a test"
        default = ", the default" if name == DEFAULT else ""
        size = card["weights"]["bytes"] / 1e6
        print(f"{name}: {size:.1f} MB, mean patient Dice {dice:.3f} of {patients} patients {how}{default}")
    return 0


def add_model(
    run: Annotated[Path, Argument("the folder of a finished run")],
    name: Annotated[str, Argument("what people will load it by")],
    models: Annotated[Path | None, Argument("the folder to add it to; null: the package's own")] = None,
    data_root: Annotated[Path | None, Argument("scans to compare on; null: the run's own", key="data.root")] = None,
    cross_validation: Annotated[
        Path | None, Argument("of a run that was trained on every patient: the folder with the folds of its recipe")
    ] = None,
    note: Annotated[str | None, Argument("one more limit for the card, such as on whom the recipe was chosen")] = None,
) -> int:
    """Store a run's weights in half precision with a card; refused over 16 MB, or where that changes the masks."""
    from lgg_seg.deploy.publish import add
    from lgg_seg.hardware import configure_process

    configure_process()
    folder = add(run, name, models or MODELS, data_root, cross_validation, note)
    card = read_card(folder)
    parity = card["half_precision"]
    print(
        f"{card['weights']['bytes'] / 1e6:.1f} MB; in half precision {parity['disagreeing']} of {parity['positive']} "
        f"positive decisions on {parity['slices']} slices of {parity['of']} change, probabilities by up to "
        f"{parity['largest_difference']:.1e}"
    )
    print(f"written to {folder}; read its {PAGE} before you ship it")
    return 0


main = subcommands("lgg_seg.zoo", list=list_models, add=add_model)

if __name__ == "__main__":
    sys.exit(main())
