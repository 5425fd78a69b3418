"""What may stand in one table (runs measured alike, on the same patients), and in words why others may not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from lgg_seg.comparison.runs import Run
from lgg_seg.data.splits.split import LEAKY

MOST_NAMED = 3


@dataclass(frozen=True)
class EvaluationProtocol:
    """How a run was measured: everything that must agree but who was measured."""

    data_fingerprint: str
    split_protocol: str
    subset: str
    metric_version: int
    threshold: str
    postprocess: str
    truncated: bool
    seen: bool

    @property
    def leaky(self) -> bool:
        """Whether test slices come from patients the network was trained on."""
        return self.split_protocol == LEAKY or self.seen


@dataclass(frozen=True)
class Comparability:
    """The protocol and the slices measured, each as (patient, number): results of one table share it."""

    protocol: EvaluationProtocol
    slices: frozenset[tuple[str, int]]

    @property
    def leaky(self) -> bool:
        """Whether test slices come from patients the network was trained on."""
        return self.protocol.leaky

    @cached_property
    def patients(self) -> frozenset[str]:
        """Who was measured."""
        return frozenset(name for name, _ in self.slices)


def protocol_of(run: Run) -> EvaluationProtocol:
    """The protocol that the files of a measured run name."""
    result: dict[str, Any] = run.result or {}
    threshold = result["threshold"]
    return EvaluationProtocol(
        data_fingerprint=result.get("data_fingerprint") or run.provenance["data_fingerprint"],
        split_protocol=result["protocol"],
        subset=result["split"],
        metric_version=result["metric_version"],
        threshold="chosen on validation patients" if threshold["from"] == "validation" else f"{threshold['value']:g}",
        postprocess=result["postprocess"],
        truncated=result["truncated"],
        seen=bool(result.get("seen_patients")),
    )


def why_apart(one: Comparability, first: Comparability) -> str:
    """In words, what keeps `one` out of the table of `first`."""
    ours, theirs = one.protocol, first.protocol
    reasons = []
    if ours.leaky:
        reasons.append(
            "LEAKS: measured on slices of patients whose other slices were trained on, so these numbers say nothing "
            "of a new patient and are not ranked with the others"
        )
    if ours.data_fingerprint != theirs.data_fingerprint:
        reasons.append("other data: the fingerprints differ")
    if ours.metric_version != theirs.metric_version:
        reasons.append(f"metric version {ours.metric_version}, not {theirs.metric_version}")
    if ours.threshold != theirs.threshold:
        reasons.append(f"threshold {ours.threshold}, not {theirs.threshold}")
    if ours.postprocess != theirs.postprocess:
        reasons.append(f"post-processing {ours.postprocess}, not {theirs.postprocess}")
    if ours.subset != theirs.subset:
        reasons.append(f"measured on the {ours.subset} patients, not the {theirs.subset} patients")
    if ours.truncated != theirs.truncated:
        reasons.append("TRUNCATED: only the first test patients were measured" if ours.truncated else "all measured")
    if one.patients != first.patients and ours.data_fingerprint == theirs.data_fingerprint:
        reasons.append(_other_patients(one.patients, first.patients))
    elif one.slices != first.slices and ours.data_fingerprint == theirs.data_fingerprint:
        reasons.append("other slices of the same patients")
    return "; ".join(reasons)


def _other_patients(ours: frozenset[str], theirs: frozenset[str]) -> str:
    differ = sorted(ours ^ theirs)
    named = ", ".join(differ[:MOST_NAMED]) + (", …" if len(differ) > MOST_NAMED else "")
    return f"other patients: {len(ours)} measured, of whom {len(ours & theirs)} are among the first table's ({named})"
