"""The label lists of next-action prediction: fixed for three sources, by procedure for a fourth, open for the others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def _tables() -> Mapping[str, Any]:
    text = files(__package__).joinpath("labels.yaml").read_text(encoding="utf-8")
    # The compiled parser, where PyYAML was built with it: the written one takes a tenth of the time of a whole score.
    loaded: Mapping[str, Any] = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    return loaded


def fixed_labels(source: str) -> tuple[str, ...] | None:
    """Labels of a source with one fixed list, in their order; None for the others."""
    labels = _tables()["sources"].get(source)
    return None if labels is None else tuple(labels)


def older_wordings(source: str) -> Mapping[str, str]:
    """Older wording to newer one."""
    older: Mapping[str, str] = _tables()["older"].get(source, {})
    return older


def newer_wording(source: str, label: str) -> str:
    """A label as the source words it now.

    >>> newer_wording("CoPESD", "hold flap with forceps")
    'stabilize flap with forceps'
    """
    return older_wordings(source).get(label, label)


def procedure_in(question: str) -> str | None:
    """The first procedure of the table whose name stands in a question, ignoring case.

    A longer name that contains an earlier one is therefore never found.

    >>> procedure_in("After subcutaneous injection insulin, what comes next?")
    'Subcutaneous Injection'
    """
    asked = question.lower()
    return next((name for name in _tables()["procedures"] if name.lower() in asked), None)


def longest_procedure_in(question: str) -> str | None:
    """The longest name of the table that stands in a question, ignoring case.

    >>> longest_procedure_in("After subcutaneous injection insulin, what comes next?")
    'Subcutaneous Injection Insulin'
    """
    asked = question.lower()
    return max((name for name in _tables()["procedures"] if name.lower() in asked), key=len, default=None)


def procedure_labels(procedure: str | None) -> tuple[str, ...]:
    """Labels of a procedure; the sorted union of all where it is not known."""
    procedures = _tables()["procedures"]
    if procedure is not None:
        return tuple(procedures[procedure])
    return tuple(sorted({label for labels in procedures.values() for label in labels}))
