"""`leaderboard.html`: a comparison as one page that opens without a network."""

from lgg_seg.reporting.html.page import write_report

__all__ = ["write_report"]
