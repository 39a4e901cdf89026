"""What is judged: rubrics, steps, states, events, sheets, labels, the examiner, and their files."""

from siming.rubric.attempt import Attempt, RubricRef, VideoRef
from siming.rubric.dataset import Dataset, DatasetInfo, load_dataset, write_dataset
from siming.rubric.event import Event
from siming.rubric.examination import Examination
from siming.rubric.examiner import examine
from siming.rubric.files import read_lines, write_lines
from siming.rubric.labels import (
    ALTERNATIVE_MAPS,
    N_LABELS,
    label_of_points,
    labels_of_sheet,
    wrong_of_entry,
)
from siming.rubric.load import builtin_rubric, builtin_rubric_ids, load_rubric, resolve_rubric, write_rubric
from siming.rubric.rubric import Language, Rubric, Step
from siming.rubric.sheet import Author, Entry, Sheet, check_sheet

__all__ = [
    "ALTERNATIVE_MAPS",
    "N_LABELS",
    "Attempt",
    "Author",
    "Dataset",
    "DatasetInfo",
    "Entry",
    "Event",
    "Examination",
    "Language",
    "Rubric",
    "RubricRef",
    "Sheet",
    "Step",
    "VideoRef",
    "builtin_rubric",
    "builtin_rubric_ids",
    "check_sheet",
    "examine",
    "label_of_points",
    "labels_of_sheet",
    "load_dataset",
    "load_rubric",
    "read_lines",
    "resolve_rubric",
    "write_dataset",
    "write_lines",
    "write_rubric",
    "wrong_of_entry",
]
