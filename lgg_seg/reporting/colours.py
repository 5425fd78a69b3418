"""The colours of truth and prediction in every picture: blue and orange, which the colour-blind tell apart, too."""

TRUTH, PREDICTION = "#4aa3df", "#f07c19"
"""Bright enough for a grey slice, dark enough for white paper. Truth is dashed besides."""

OVERLAP = "#5a2878"
"""Where both are, of a map of errors: dark, since no hue is far from blue and from orange for every viewer."""


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of a colour written `#rrggbb`."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


TRUTH_RGB, PREDICTION_RGB, OVERLAP_RGB = rgb(TRUTH), rgb(PREDICTION), rgb(OVERLAP)
