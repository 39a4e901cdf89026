"""The human flow: compare two blind sheets, adjudicate what differs, agree; and how far two authors agree."""

from siming.rating.agreement import agree, measure_pair, pair_of, physician_pairs
from siming.rating.cells import Column, Grid, column_of, grid_of
from siming.rating.consensus import Dispute, adjudication_rate, consensus, disputes

__all__ = [
    "Column",
    "Dispute",
    "Grid",
    "adjudication_rate",
    "agree",
    "column_of",
    "consensus",
    "disputes",
    "grid_of",
    "measure_pair",
    "pair_of",
    "physician_pairs",
]
