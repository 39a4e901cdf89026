"""The human flow: compare two blind sheets, adjudicate what differs, agree; and how far two authors agree."""

from siming.rating.agreement import agree, measure_pair, pair_of, physician_pairs
from siming.rating.agreement_report import AgreementReport, agreement_report
from siming.rating.cells import Column, Grid, column_of, grid_of
from siming.rating.consensus import Dispute, adjudication_rate, consensus, disputes
from siming.rating.source import Source, load_ratings

__all__ = [
    "AgreementReport",
    "Column",
    "Dispute",
    "Grid",
    "Source",
    "adjudication_rate",
    "agree",
    "agreement_report",
    "column_of",
    "consensus",
    "disputes",
    "grid_of",
    "load_ratings",
    "measure_pair",
    "pair_of",
    "physician_pairs",
]
