"""Provenance identifies a patient by their pixels, and holds nothing of the machine and its user."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from lgg_seg.data.kaggle.index import Index, Patient, build_index
from lgg_seg.data.splits import PatientSplit
from lgg_seg.hardware import Hardware
from lgg_seg.runs.provenance import code_state, provenance, split_metadata, volume_digest

CPU = Hardware(torch.device("cpu"), "32-true", channels_last=False)


@pytest.fixture(scope="module")
def index(phantom_root: Path) -> Index:
    return build_index(phantom_root)


def digest_of(patient: Patient) -> str:
    return volume_digest(s.image_checksum for s in patient.slices)


def leaves(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from leaves(value)
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value)
    else:
        yield node


def test_a_volume_digest_identifies_a_patient_under_another_name(
    index: Index, phantom_root: Path, tmp_path: Path
) -> None:
    patient = index.patients[3]
    alias = "TCGA_XX_0000_20000101"
    (tmp_path / alias).mkdir()
    for file in (phantom_root / patient.name).iterdir():
        shutil.copy(file, tmp_path / alias / file.name.replace(patient.name, alias))
    renamed = build_index(tmp_path).patients[0]
    assert renamed.name == alias
    known = {digest_of(p): p.name for p in index.patients}
    assert len(known) == len(index.patients)
    assert known[digest_of(renamed)] == patient.name


def test_the_split_names_every_patient_once_with_the_digest_of_its_volume(index: Index) -> None:
    split = PatientSplit(val=3, test=4, seed=0)(index)
    record = split_metadata(index, split)
    subsets = [record[subset] for subset in ("train", "val", "test")]
    assert [len(subset) for subset in subsets] == [5, 3, 4]
    assert subsets[0] | subsets[1] | subsets[2] == {p.name: digest_of(p) for p in index.patients}
    assert len(set().union(*(subset.values() for subset in subsets))) == 12
    assert (record["protocol"], record["hash"]) == ("patient", split.hash)


def test_provenance_is_json_without_host_user_or_folders(index: Index) -> None:
    split = PatientSplit(val=3, test=4, seed=0)(index)
    facts = provenance(CPU, ["model=unet", "seed=3"], 3, index, split)
    texts = [str(leaf) for leaf in leaves(json.loads(json.dumps(facts, allow_nan=False)))]
    assert "model=unet" in texts
    assert (facts["seed"], facts["precision"], facts["data_fingerprint"]) == (3, "32-true", index.fingerprint)
    for text in texts:
        assert not {socket.gethostname(), getpass.getuser()} & set(text.split()), text
        assert not Path(text).is_absolute(), text
        assert not any(place in text for place in (str(Path.home()), str(index.root), str(Path.cwd()))), text


def test_the_commit_is_that_of_this_checkout_or_unknown() -> None:
    state = code_state()
    commit = state["commit"]
    assert (commit is None) == (state["dirty"] is None)
    assert commit is None or (len(commit) == 40 and int(commit, 16))
