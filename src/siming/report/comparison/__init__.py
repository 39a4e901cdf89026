"""Models compared with one another and with blind baselines, in the terminal and as one self-contained page."""

from siming.report.comparison.page import render_comparison_page, write_comparison_page
from siming.report.comparison.terminal import print_comparison

__all__ = ["print_comparison", "render_comparison_page", "write_comparison_page"]
