"""Splits: nobody is in two subsets, nobody is left out, and the test set does not move."""

import logging
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgg_seg.data.kaggle.index import Index, Patient
from lgg_seg.data.kaggle.scan import SliceInfo
from lgg_seg.data.splits import (
    AllPatients,
    BudaSplit,
    FileSplit,
    KFoldSplit,
    PatientSplit,
    SliceKFoldSplit,
    SliceRandomSplit,
    SliceWithinPatientSplit,
    UnshuffledSliceSplit,
)
from lgg_seg.data.splits.split import LEAKY, SUBSETS, Split
from lgg_seg.errors import UserError


def index_of(*names: str, slices: int = 2) -> Index:
    def volume(name: str) -> Patient:
        numbers = range(1, slices + 1)
        return Patient(name, tuple(SliceInfo(name, n, "", "", (8, 8), n) for n in numbers), {}, ())

    return Index(Path("root"), tuple(volume(name) for name in sorted(names)), "fingerprint")


def index_of_sites(counts: dict[str, int]) -> Index:
    return index_of(*(f"TCGA_{site}_{n:04d}_19990101" for site, count in counts.items() for n in range(count)))


LGG = {"DU": 45, "HT": 34, "CS": 16, "FG": 14, "EZ": 1}  # the published data's institutions

institutions = st.dictionaries(st.sampled_from(["DU", "HT", "CS", "FG", "EZ"]), st.integers(1, 12), min_size=1).filter(
    lambda counts: sum(counts.values()) >= 3
)
shares = st.floats(0.01, 0.3)  # below a third, so that rounding leaves three patients one each
seeds = st.integers(0, 2**32)


def assert_partition(index: Index, split: Split) -> None:
    ids = [i for subset in SUBSETS for i in split.slices(subset)]
    assert sorted(ids) == list(range(len(index.slices)))
    assert split.train
    if split.protocol == "patient":
        for one, other in combinations(SUBSETS, 2):
            assert not set(split.patients(index, one)) & set(split.patients(index, other))


@given(institutions, shares, shares, seeds)
def test_no_seed_fraction_or_institutions_put_a_patient_in_two_subsets(counts, val, test, seed):
    index = index_of_sites(counts)
    split = PatientSplit(val, test, seed)(index)
    assert_partition(index, split)
    assert split.val
    assert split.test


@given(institutions, seeds, st.data())
def test_the_test_folds_partition_the_patients(counts, seed, data):
    index = index_of_sites(counts)
    folds = data.draw(st.integers(2, len(index.patients)))
    splits = [KFoldSplit(folds, fold, val=0, seed=seed)(index) for fold in range(folds)]
    for split in splits:
        assert_partition(index, split)
    tested = [name for split in splits for name in split.patients(index, "test")]
    assert sorted(tested) == [p.name for p in index.patients]
    sizes = [len(split.patients(index, "test")) for split in splits]
    assert max(sizes) - min(sizes) <= 1


@given(institutions, seeds, st.data())
def test_the_leaky_test_folds_partition_the_slices(counts, seed, data):
    index = index_of_sites(counts)
    folds = data.draw(st.integers(2, len(index.slices) // 2))
    splits = [SliceKFoldSplit(folds, fold, seed=seed)(index) for fold in range(folds)]
    for split in splits:
        assert split.protocol == LEAKY
        assert_partition(index, split)
    assert sorted(i for split in splits for i in split.test) == list(range(len(index.slices)))
    sizes = [len(split.test) for split in splits]
    assert max(sizes) - min(sizes) <= 1


@given(institutions, shares, shares, seeds)
def test_the_leaky_split_shares_patients_but_never_a_slice(counts, val, test, seed):
    index = index_of_sites(counts)
    split = SliceRandomSplit(val, test, seed)(index)
    assert split.protocol == "slice_random (leaky)"
    assert_partition(index, split)


@given(st.integers(2, 40), st.sampled_from([(0.1, 0.1), (0.2, 0.1), (0, 0.3)]), seeds)
def test_within_patients_all_three_subsets_get_slices_of_every_patient(slices, shares, seed):
    index = index_of("TCGA_DU_0000_19990101", "TCGA_HT_0000_19990101", slices=slices)
    val, test = shares
    split = SliceWithinPatientSplit(val, test, seed)(index)
    assert split.protocol == LEAKY
    assert sorted(i for subset in SUBSETS for i in split.slices(subset)) == list(range(len(index.slices)))
    for patient in index.patients:
        dealt = [sum(index.slices[i].patient == patient.name for i in split.slices(subset)) for subset in SUBSETS]
        # Of as many slices as there are: the whole part, in tenths so that nothing is rounded by the machine.
        train, validated = (10 - round(10 * val) - round(10 * test)) * slices // 10, round(10 * val) * slices // 10
        assert dealt == [train, validated, slices - train - validated]


def test_within_patients_twenty_slices_are_16_2_and_2_with_a_shuffle_of_their_own():
    index = index_of("TCGA_DU_0000_19990101", "TCGA_DU_0001_19990101", slices=20)
    split = SliceWithinPatientSplit()(index)
    assert [len(split.slices(subset)) for subset in SUBSETS] == [32, 4, 4]
    tested: dict[str, set[int]] = {}
    for i in split.test:
        tested.setdefault(index.slices[i].patient, set()).add(index.slices[i].number)
    assert len(tested) == 2
    assert len(set(map(frozenset, tested.values()))) == 2
    assert SliceWithinPatientSplit(seed=1)(index).hash != split.hash


def test_unshuffled_the_last_tenth_is_tested_and_a_fifth_of_the_rest_validates():
    index = index_of(*(f"TCGA_DU_{n:04d}_19990101" for n in range(7)), slices=5)
    split = UnshuffledSliceSplit()(index)
    assert split.protocol == LEAKY
    assert split.test == tuple(range(31, 35))  # 3.5 slices, and part of one is one
    assert split.val == tuple(range(25, 31))
    assert split.train == tuple(range(25))
    assert set(split.patients(index, "val")) & set(split.patients(index, "test"))


def test_unshuffled_the_published_data_are_cut_where_study_002_cuts_them():
    """3,929 slices: sklearn's train_test_split gives 393 to the test and 708 of the rest to validation."""
    index = index_of("TCGA_DU_0000_19990101", slices=3929)
    sizes = [len(UnshuffledSliceSplit()(index).slices(subset)) for subset in SUBSETS]
    assert sizes == [2829, 707, 393]


@given(seeds)
def test_each_institution_is_in_the_test_set_in_proportion_to_its_size(seed):
    index = index_of_sites(LGG)
    split = PatientSplit(val=0.1, test=0.1, seed=seed)(index)
    for subset in ("val", "test"):
        names = split.patients(index, subset)
        assert len(names) == 11
        drawn = Counter(name.split("_")[1] for name in names)
        assert all(abs(drawn[site] - count / 10) <= 1 for site, count in LGG.items())


def test_sizes_can_be_asked_for_as_counts():
    index = index_of_sites(LGG)
    split = PatientSplit(val=20, test=11)(index)
    assert [len(split.patients(index, subset)) for subset in SUBSETS] == [79, 20, 11]


@pytest.mark.parametrize(
    "rule",
    [
        PatientSplit(val=50, test=60),
        PatientSplit(val=1.0),
        PatientSplit(test=-0.1),
        KFoldSplit(n_splits=1),
        KFoldSplit(fold=5),
        SliceKFoldSplit(n_splits=1),
        SliceKFoldSplit(fold=5),
        SliceKFoldSplit(n_splits=2, val=0.6),
        SliceWithinPatientSplit(val=1.0),
        SliceWithinPatientSplit(test=-0.1),
        UnshuffledSliceSplit(test=3),
    ],
)
def test_a_split_that_cannot_be_made_says_which_key_to_change(rule):
    with pytest.raises(UserError, match=r"split\."):
        rule(index_of_sites(LGG))


def test_the_split_stays_the_same_from_one_release_to_the_next():
    split = PatientSplit()(index_of_sites({"DU": 5, "HT": 4, "CS": 3}))
    assert split.hash.startswith("95062a53a03a7338")


def test_the_hash_is_of_names_and_changes_with_the_seed():
    index = index_of_sites(LGG)
    moved = Index(Path("elsewhere"), index.patients, index.fingerprint)
    assert PatientSplit(seed=1)(index).hash == PatientSplit(seed=1)(moved).hash
    assert PatientSplit(seed=1)(index).hash != PatientSplit(seed=2)(index).hash


def test_the_smaller_training_sets_of_a_learning_curve_are_in_the_larger():
    index = index_of_sites(LGG)
    split = PatientSplit()(index)
    curve = [set(split.with_training_patients(index, n, seed=3).patients(index, "train")) for n in (12, 24, 48)]
    assert [len(patients) for patients in curve] == [12, 24, 48]
    assert curve[0] < curve[1] < curve[2]
    assert split.with_training_patients(index, 12, seed=3).test == split.test
    with pytest.raises(UserError, match=r"data\.train_patients=89"):
        split.with_training_patients(index, 89, seed=3)


def test_a_patient_given_to_two_subsets_is_refused_by_name():
    index = index_of_sites({"DU": 3})
    with pytest.raises(UserError, match="patient TCGA_DU_0000_19990101 is in both train and test"):
        Split.of(index, [0], [2, 3], [1], "patient")
    with pytest.raises(UserError, match="slice TCGA_DU_0000_19990101/1 is in both train and val"):
        Split.of(index, [0], [0], [1], "slice_random (leaky)")


def test_budas_ten_are_the_test_set_and_those_missing_are_named(caplog):
    names = [f"TCGA_DU_{n:04d}_19990101" for n in range(20)]
    index = index_of("TCGA_CS_4944_20010208", "TCGA_HT_7692_19960724", *names)
    split = BudaSplit()(index)
    assert split.patients(index, "test") == ("TCGA_CS_4944_20010208", "TCGA_HT_7692_19960724")
    assert_partition(index, split)
    assert "8 of its ten" in caplog.text
    assert "TCGA_DU_7014" in caplog.text
    with pytest.raises(UserError, match="split=patient"):
        BudaSplit()(index_of(*names))


def test_another_data_set_can_be_the_test_set_as_a_whole():
    index = index_of_sites({"DU": 2})
    split = AllPatients()(index)
    assert split.test == tuple(range(4))
    assert split.train == split.val == ()


SIX = ("TCGA_CS_4941_19960909", "TCGA_CS_4942_19970222", "TCGA_DU_5849_19950405", "TCGA_DU_5851_19950428", "P5", "P6")


def test_a_split_from_a_file_takes_the_patients_that_it_names(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "patients.csv"
    file.write_text(
        "patient,subset,note\nTCGA_CS_4941,train,x\nTCGA_CS_4942_19970222,train,\nP5, val,\nTCGA_DU_5849,test,\n",
        encoding="utf-8-sig",
    )
    index = index_of(*SIX)
    with caplog.at_level(logging.WARNING):
        split = FileSplit(str(file))(index)
    assert [split.patients(index, subset) for subset in SUBSETS] == [SIX[:2], ("P5",), (SIX[2],)]
    assert "2 patients of root are not in" in caplog.text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("patient,subset\nTCGA_XX_1,train\n", "names the patient TCGA_XX_1, who is not in root"),
        ("patient,subset\nP5,train\nP5,test\n", "puts P5 into train and into test"),
        ("patient,subset\nP5,training\n", "line 2, names no patient with train, val or test"),
        ("P5,train\nP6,val\n", "line 2, names no patient .*write patient,subset in its first line"),
        ("patient,subset\nP5,test\n", "leaves no patients for training"),
    ],
)
def test_a_file_that_is_no_split_is_one_sentence(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "patients.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=says):
        FileSplit(str(tmp_path / "patients.csv"))(index_of(*SIX))
    with pytest.raises(UserError, match="cannot be read"):
        FileSplit(str(tmp_path / "none.csv"))(index_of(*SIX))
