"""Pages of the rating commands: agreement, rater effects, generalizability, standards."""

from siming.report.rating_page.page import render_rating_page, write_rating_page

__all__ = ["render_rating_page", "write_rating_page"]
