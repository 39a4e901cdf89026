"""Boards of MedVidBench: admission, three ranking rules, ties, published rows, and checks of what is printed."""

from siming.leaderboard.board import Board, Entry, open_board
from siming.leaderboard.checks import Finding, check_rows
from siming.leaderboard.published import PublishedRow, published_facts, published_rows, published_sources
from siming.leaderboard.ranking import RULES, Place, Rule, rank_rows
from siming.leaderboard.table import read_table
from siming.leaderboard.view import board_view

__all__ = [
    "RULES",
    "Board",
    "Entry",
    "Finding",
    "Place",
    "PublishedRow",
    "Rule",
    "board_view",
    "check_rows",
    "open_board",
    "published_facts",
    "published_rows",
    "published_sources",
    "rank_rows",
    "read_table",
]
