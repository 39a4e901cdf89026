"""What a reader sees: tables in the terminal and one self-contained page, drawn from a report's numbers."""

from siming.report.page import render_page, write_page, write_report
from siming.report.terminal import print_report

__all__ = ["print_report", "render_page", "write_page", "write_report"]
