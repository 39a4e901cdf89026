"""Two or more models on the same videos: differences, many at once, ranks, and what luck alone reaches."""

from siming.metrics.comparison.dependent import (
    compare_correlations,
    compare_printed_correlations,
    fisher_limits,
    meng_test,
    steiger_test,
    williams_test,
    zou_interval,
)
from siming.metrics.comparison.joint import joint_bootstrap
from siming.metrics.comparison.multiplicity import all_at_test, all_equal_test, benjamini_hochberg, holm
from siming.metrics.comparison.nulls import best_of_nulls, best_of_shuffled, critical_correlation, p_best_of_nulls
from siming.metrics.comparison.paired import PairedDifference, paired_difference
from siming.metrics.comparison.ranking import Ranking, rank_models, tie_groups

__all__ = [
    "PairedDifference",
    "Ranking",
    "all_at_test",
    "all_equal_test",
    "benjamini_hochberg",
    "best_of_nulls",
    "best_of_shuffled",
    "compare_correlations",
    "compare_printed_correlations",
    "critical_correlation",
    "fisher_limits",
    "holm",
    "joint_bootstrap",
    "meng_test",
    "p_best_of_nulls",
    "paired_difference",
    "rank_models",
    "steiger_test",
    "tie_groups",
    "williams_test",
    "zou_interval",
]
