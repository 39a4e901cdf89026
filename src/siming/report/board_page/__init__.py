"""The page of a leaderboard."""

from siming.report.board_page.page import render_board_page, write_board_page

__all__ = ["render_board_page", "write_board_page"]
