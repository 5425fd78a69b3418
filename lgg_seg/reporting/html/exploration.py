"""`exploration.html`: a data set in pictures, before anything is trained on it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from lgg_seg.data.exploration import THIRDS, Pixels, TumourMap, augmented, examples, tumour_map
from lgg_seg.data.kaggle.images import FLAIR, SEQUENCES
from lgg_seg.data.kaggle.index import Index, IntegrityReport
from lgg_seg.data.kaggle.scan import SliceInfo
from lgg_seg.errors import UserError
from lgg_seg.files import replacing, writable
from lgg_seg.reporting.colours import TRUTH
from lgg_seg.reporting.figures import Panel, draw
from lgg_seg.reporting.html.drawing import INK, MUTED, PALETTE, RC, RULE, WIDTH, Picture, new_figure, png, svg
from lgg_seg.reporting.html.environment import environment, part
from lgg_seg.reporting.html.patients import short_name
from lgg_seg.version import __version__

COLUMNS = 6  # slices in a row
FULL = 12.1  # inches of a figure as wide as the page
EMPTY = "#c3ccd6"  # of slices without tumour, beside `TRUTH`
LONGEST = 14  # characters of a patient's name above a slice
MAX_CODES = 12  # different values up to which a clinical column is drawn a bar a value


def write_exploration(report: IntegrityReport, path: Path) -> None:
    """Write the page on a data set of any size, with and without clinical data."""
    index = report.index
    if not index.slices:
        raise UserError(
            f"{index.root} holds no slice that can be used: `python -m lgg_seg.data verify data.root={index.root}` "
            "lists what is wrong"
        )
    with mpl.rc_context(RC):
        text = _render(report, tumour_map(index))
    with writable(path, "name another file with output=FILE."), replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _render(report: IntegrityReport, tumours: TumourMap) -> str:
    index = report.index
    count, areas = len(index.patients), [s.tumour_pixels for s in index.slices if s.tumour_pixels]
    volumes = list(filter(None, (sum(s.tumour_pixels for s in p.slices) for p in index.patients)))
    with_tumour = len(areas)
    chosen = examples(index, COLUMNS)
    largest = [max(p.slices, key=lambda s: s.tumour_pixels) for p in index.patients]
    complete = [s for s, p in zip(largest, index.patients, strict=True) if s.tumour_pixels and not p.substituted]
    typical = sorted(complete or largest, key=lambda s: (s.tumour_pixels, s.patient))[len(complete or largest) // 2]
    replaced = [(p, s) for p, s in zip(index.patients, largest, strict=True) if p.substituted]
    shown = list({p.substituted: s for p, s in replaced}.values())
    template = environment().get_template("exploration.html.j2")
    return template.render(
        name=index.root.name,
        patients=count,
        slices=len(index.slices),
        with_tumour=with_tumour,
        share=np.mean([s.tumour_pixels / (s.shape[0] * s.shape[1]) for s in index.slices]),
        shapes=Counter(s.shape for s in index.slices).most_common(),
        issues=Counter(issue.severity for issue in report.issues),
        fingerprint=index.fingerprint,
        institutions=Counter(p.institution for p in index.patients).most_common(),
        per_patient=svg(slices_per_patient(index), f"Slices of {count} patients, with and without tumour"),
        position=svg(position(index), "Share of slices with tumour by their place in the volume"),
        areas=_sizes(areas, "tumour area of a slice, pixels", "slices", f"Tumour area of {with_tumour} slices"),
        volumes=_sizes(volumes, "tumour volume of a patient, voxels", "patients", f"Tumour volume of {count} patients"),
        heat=png(heat_maps(tumours), "Where tumours lie, over the mean FLAIR") if with_tumour else None,
        intensities=svg(intensities(tumours), "Grey values in the tumour and around it") if with_tumour else None,
        examples=[(title, png(strip(s), f"Slices with contours: {title}")) for title, s in chosen.items()],
        sequences=png(sequences([typical]), f"The three sequences of {typical.image_file}, and its mask"),
        missing=svg(missing(index), "Patients by institution and missing sequence"),
        replaced=[(p.name, " and ".join(p.substituted)) for p, _ in replaced],
        replaced_slices=png(sequences(shown), "Slices with FLAIR in place of a sequence") if shown else None,
        clinical=_clinical(index),
        without_row=sum(not p.clinical for p in index.patients),
        augmentations=png(augmentations(typical), f"Every member of augment, on {typical.image_file}"),
        version=__version__,
        css=Markup(part("style.css")),
    )


def slices_per_patient(index: Index) -> Figure:
    """A bar a patient, from the most slices to the fewest."""
    figure, axes = new_figure(FULL, 2.9)
    counts = sorted(((len(p.slices), sum(s.tumour_pixels > 0 for s in p.slices)) for p in index.patients), reverse=True)
    total, tumour = np.array(counts).T
    axes.bar(range(len(total)), tumour, width=0.85, color=TRUTH, label="with tumour")
    axes.bar(range(len(total)), total - tumour, bottom=tumour, width=0.85, color=EMPTY, label="without")
    axes.set(xlabel="patients", ylabel="slices", xlim=(-0.7, len(total) - 0.3), xticks=[])
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))  # above: bars may all be as high
    return figure


def position(index: Index) -> Figure:
    """Share of slices with tumour in each tenth of the volume."""
    figure, axes = new_figure(WIDTH, 3)
    tenths = [(10 * k // len(p.slices), s.tumour_pixels > 0) for p in index.patients for k, s in enumerate(p.slices)]
    share = [np.mean([tumour for at, tumour in tenths if at == k] or [False]) for k in range(10)]
    axes.bar(np.arange(10) + 0.5, share, width=0.9, color=TRUTH)
    axes.set(xlabel="place in the volume, from the first slice to the last", ylabel="share of slices with tumour")
    axes.set(xticks=[0, 5, 10], xticklabels=["first", "middle", "last"], ylim=(0, 1))
    axes.grid(axis="y")
    return figure


def _sizes(values: Sequence[int], label: str, counted: str, alt: str) -> Picture | None:
    """Histogram of the sizes of tumours; None without any."""
    if not values:
        return None
    figure, axes = new_figure(WIDTH, 3)
    bins = np.geomspace(min(values) * 0.999, max(values) * 1.001, 25)
    axes.hist(values, bins=list(bins), color=TRUTH, edgecolor="white", linewidth=0.6)
    middle = float(np.median(values))
    axes.axvline(middle, color=INK, linewidth=1, linestyle=":")
    axes.set_title(f"median {middle:,.0f}", loc="right", fontsize=8.5, fontweight="normal")
    axes.set(xscale="log", xlabel=label, ylabel=counted)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())  # within one decade, matplotlib would write every tick in TeX
    axes.grid(axis="y")
    return svg(figure, alt)


def heat_maps(tumours: TumourMap) -> Figure:
    """The number of slices with tumour at each pixel, of all slices and of each third of the volumes."""
    figure = Figure(figsize=(FULL, 3.5))
    maps = {"all slices": tumours.slices.sum(axis=0)} | dict(zip(THIRDS, tumours.slices, strict=True))
    for axes, (name, counts) in zip(figure.subplots(1, 4), maps.items(), strict=True):
        axes.imshow(tumours.flair, cmap="gray")
        top = max(1, int(counts.max()))
        axes.imshow(counts, cmap="inferno", vmin=0, vmax=top, alpha=0.85 * np.sqrt(counts / top))
        axes.set(title=name, xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        scale = ScalarMappable(Normalize(0, top), "inferno")  # of opaque colours, unlike the map
        bar = figure.colorbar(scale, ax=axes, orientation="horizontal", fraction=0.05, pad=0.02, ticks=[0, top])
        bar.outline.set_visible(False)
    return figure


def intensities(tumours: TumourMap) -> Figure:
    """Grey values of each sequence, of the tumour and of the head around it in the same slices."""
    figure = Figure(figsize=(FULL, 2.7))
    for c, (axes, name) in enumerate(zip(figure.subplots(1, len(SEQUENCES)), SEQUENCES, strict=True)):
        for counts, colour, label in zip(tumours.intensities[:, c], (TRUTH, MUTED), ("tumour", "rest"), strict=True):
            share = counts.reshape(64, 4).sum(axis=1) / max(1, counts.sum())
            axes.stairs(share, np.arange(0, 257, 4), fill=True, color=colour, alpha=0.5, label=label)
        axes.set(title=name, xlabel="grey value", xlim=(0, 255), yticks=[])
        axes.spines["left"].set_visible(False)
        axes.legend(frameon=False)
    return figure


def strip(slices: Sequence[SliceInfo]) -> Figure:
    """FLAIR of the slices in a row, with contours."""
    figure = Figure(figsize=(FULL, 2.4))
    row = figure.subplots(1, COLUMNS)
    for axes in row:
        axes.set_axis_off()
    for axes, one in zip(row, slices, strict=False):
        title = f"{_short(one)}\n{one.tumour_pixels:,} px" if one.tumour_pixels else _short(one)
        _draw(axes, one.read_image()[..., FLAIR], one.read_mask(), title)
    return figure


def sequences(slices: Sequence[SliceInfo]) -> Figure:
    """A row a slice: its three sequences with contours, and its mask."""
    figure = Figure(figsize=(2.35 * 4, 2.6 * len(slices)))
    for row, one in zip(figure.subplots(len(slices), 4, squeeze=False), slices, strict=True):
        image, mask = one.read_image(), one.read_mask()
        for c, name in enumerate(SEQUENCES):
            same = " = FLAIR" if name in one.copies else ""
            _draw(row[c], image[..., c], mask, f"{name}{same}")
        _draw(row[3], mask.astype(np.uint8) * 255, np.zeros_like(mask), f"mask of {_short(one)}")
    return figure


def augmentations(one: SliceInfo) -> Figure:
    """A row for each member of `augment`: the slice as three sequences in colour, drawn `COLUMNS` times."""
    drawn = augmented(one, COLUMNS)
    figure = Figure(figsize=(FULL, 2.05 * len(drawn)))
    for row, (name, pairs) in zip(figure.subplots(len(drawn), COLUMNS, squeeze=False), drawn.items(), strict=True):
        for axes, (image, mask) in zip(row, pairs, strict=True):
            _draw(axes, image, mask.astype(bool), "")
        row[0].set_title(f"augment={name}", fontsize=9, fontweight="bold", loc="left")
    return figure


def _draw(axes: Axes, image: Pixels, mask: np.ndarray, title: str) -> None:
    draw(axes, Panel("", image, mask, np.zeros_like(mask)))
    axes.set_title(title, fontsize=8, fontweight="normal", loc="left")
    axes.set_axis_off()


def _short(one: SliceInfo) -> str:
    """Patient and number, short enough for a slice's column; the end of a long name tells patients apart."""
    name = short_name(one.patient)
    return f"{name if len(name) <= LONGEST else '…' + name[1 - LONGEST :]} / {one.number}"


def missing(index: Index) -> Figure:
    """Patients of each institution, by the sequences that FLAIR stands in for."""
    counts = Counter((p.institution, " and ".join(p.substituted) or "all three sequences") for p in index.patients)
    names = [name for name, _ in Counter(p.institution for p in index.patients).most_common()]
    kinds = sorted({kind for _, kind in counts}, key=lambda kind: (kind != "all three sequences", kind))
    figure, axes = new_figure(WIDTH, 0.42 * len(names) + 1.2)
    left = np.zeros(len(names))
    for kind, colour in zip(kinds, (EMPTY, *PALETTE), strict=False):
        row = np.array([counts[name, kind] for name in names])
        axes.barh(names, row, left=left, color=colour, label=kind if kind in kinds[:1] else f"no {kind}")
        left += row
    for place, total in enumerate(left):
        axes.text(total, place, f" {total:.0f}", va="center", fontsize=8.5)
    axes.invert_yaxis()
    axes.set(xlabel="patients")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="x", color=RULE)
    axes.legend(frameon=False, loc="lower right")
    return figure


def _clinical(index: Index) -> list[tuple[str, Picture]]:
    """Title and picture of each column of `data.csv`."""
    columns = dict.fromkeys(name for p in index.patients for name in p.clinical if name != "Patient")
    pictures = []
    for name in columns:
        cells = [p.clinical.get(name, "") for p in index.patients]
        known = [cell for cell in cells if cell.strip() not in ("", "NA", "nan")]
        title = name.replace("_", " ")
        pictures.append((title, svg(clinical_plot(known, len(cells) - len(known)), f"{title}: {len(known)} patients")))
    return pictures


def clinical_plot(known: Sequence[str], absent: int) -> Figure:
    """A bar a value, or a histogram where there are too many; empty cells are counted in grey."""
    figure, axes = new_figure(3.75, 2)
    try:
        numbers = [float(cell) for cell in known]
    except ValueError:
        numbers = []
    counts = Counter(f"{number:g}" for number in numbers) if numbers else Counter(cell[:14] for cell in known)
    if numbers and len(counts) > MAX_CODES:
        axes.hist(numbers, bins=15, color=TRUTH, edgecolor="white", linewidth=0.6)
        axes.set_title(f"{absent} empty" if absent else "", loc="right", fontsize=7.5, fontweight="normal")
    else:
        names = sorted(counts, key=float) if numbers else [name for name, _ in counts.most_common(MAX_CODES)]
        bars = {name: counts[name] for name in names} | ({"empty": absent} if absent else {})
        drawn = axes.bar(list(bars), list(bars.values()), width=0.75, color=[TRUTH] * len(names) + [EMPTY])
        axes.bar_label(drawn, fontsize=7.5)
        axes.margins(y=0.15)
    axes.set(ylabel="patients")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    return figure
