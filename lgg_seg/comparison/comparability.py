"""Which results may be compared in one table (measured alike, on the same slices), and why others may not."""

from dataclasses import dataclass
from functools import cached_property

from lgg_seg.comparison.runs import Run
from lgg_seg.data.splits.split import LEAKY

Slices = frozenset[tuple[str, int]]  # slices as (patient, number)
LEAKS = (
    "LEAKS: measured on slices of patients whose other slices were trained on, so these numbers say nothing of a new "
    "patient and are not ranked with the others"
)
DIFFERENCES = {
    "target": "another question: {}, not {}",
    "data_fingerprint": "other data: the fingerprints differ",
    "metric_version": "metric version {}, not {}",
    "threshold": "threshold {}, not {}",
    "postprocess": "post-processing {}, not {}",
    "tta": "test-time augmentation {}, not {}",
    "subset": "measured on the {} patients, not the {} patients",
}
MAX_NAMED = 3  # patients that a reason names


@dataclass(frozen=True)
class EvaluationProtocol:
    """How a run was measured: everything that must agree except the patients.

    `seen`: whether measured patients were trained on; `target`: what a classifier decides, empty for a segmenter.
    """

    data_fingerprint: str
    split_protocol: str
    subset: str
    metric_version: int
    threshold: str
    postprocess: str
    tta: str
    truncated: bool
    seen: bool
    target: str


@dataclass(frozen=True)
class Comparability:
    """The evaluation protocol and the slices measured: results of one table share both."""

    protocol: EvaluationProtocol
    slices: Slices

    @property
    def leaky(self) -> bool:
        """Whether test slices come from patients the network was trained on."""
        return self.protocol.split_protocol == LEAKY or self.protocol.seen

    @cached_property
    def patients(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.slices)


def protocol_of(run: Run) -> EvaluationProtocol:
    """The evaluation protocol that the files of a measured run name."""
    result, threshold = run.result, run.result["threshold"]
    return EvaluationProtocol(
        data_fingerprint=result.get("data_fingerprint") or run.provenance["data_fingerprint"],
        split_protocol=result["protocol"],
        subset=result["split"],
        metric_version=result["metric_version"],
        threshold="chosen on validation patients" if threshold["from"] == "validation" else f"{threshold['value']:g}",
        postprocess=result["postprocess"],
        tta="on" if result.get("tta") else "off",
        truncated=result["truncated"],
        seen=bool(result.get("seen_patients")),
        target=result.get("target", ""),
    )


def why_apart(one: Comparability, first: Comparability) -> str:
    """The reasons why results are not in the first table; empty if they may be."""
    ours, theirs = one.protocol, first.protocol
    reasons = [LEAKS] if one.leaky else []
    differing = [(reason, getattr(ours, name), getattr(theirs, name)) for name, reason in DIFFERENCES.items()]
    reasons += [reason.format(our, their) for reason, our, their in differing if our != their]
    if ours.truncated != theirs.truncated:
        reasons.append("TRUNCATED: only the first patients were measured" if ours.truncated else "all measured")
    if ours.data_fingerprint == theirs.data_fingerprint:
        if one.patients != first.patients:
            reasons.append(_other_patients(one.patients, first.patients))
        elif one.slices != first.slices:
            reasons.append("other slices of the same patients")
    return "; ".join(reasons)


def _other_patients(ours: frozenset[str], theirs: frozenset[str]) -> str:
    differ = sorted(ours ^ theirs)
    named = ", ".join(differ[:MAX_NAMED]) + (", …" if len(differ) > MAX_NAMED else "")
    return f"other patients: {len(ours)} measured, of whom {len(ours & theirs)} are among the first table's ({named})"
