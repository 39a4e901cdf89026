"""What of a dataset goes out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from siming.errors import DatasetError
from siming.exchange.archive import is_file_name
from siming.exchange.escape import file_word
from siming.rubric import Attempt, Author, Dataset, Language, Rubric, Sheet


@dataclass(frozen=True)
class Selection:
    """Attempts and sheets of a dataset that were asked for, and the language of the words around them."""

    dataset: Dataset
    attempts: Sequence[Attempt]
    """In the dataset's order."""
    sheets: Sequence[Sheet]
    """Likewise."""
    language: Language = "en"
    authors_named: bool = False
    """Whether the authors were asked for by name. What goes to candidates shows raters only then."""

    @cached_property
    def stem(self) -> str:
        """The dataset's name as the beginning of a file name."""
        return file_word(self.dataset.info.name, otherwise="dataset")

    @cached_property
    def stems(self) -> dict[str, str]:
        """The beginning of a file name for each attempt: its id, but for ids that some file system would mix up."""
        taken: set[str] = set()
        stems = {}
        for attempt in self.attempts:
            stem = attempt.id if is_file_name(attempt.id) else f"attempt-{attempt.id}".rstrip(".")
            while stem.casefold() in taken:
                stem += "-2"
            taken.add(stem.casefold())
            stems[attempt.id] = stem
        return stems

    @cached_property
    def latest(self) -> str | None:
        """When the last of the sheets was submitted; None where no sheet says so."""
        return max((sheet.submitted_at for sheet in self.sheets if sheet.submitted_at), default=None)

    @cached_property
    def rubrics(self) -> Sequence[Rubric]:
        """The rubrics that the attempts are judged by, in the dataset's order."""
        used = {ref.id for attempt in self.attempts for ref in attempt.rubrics}
        return [rubric for rubric in self.dataset.rubrics.values() if rubric.id in used]

    def sheets_of(self, attempt: str, rubric: str | None = None) -> list[Sheet]:
        """The sheets of one attempt (and one rubric)."""
        return [s for s in self._by_attempt.get(attempt, ()) if rubric in (None, s.rubric)]

    @cached_property
    def _by_attempt(self) -> dict[str, list[Sheet]]:
        found: dict[str, list[Sheet]] = {}
        for sheet in self.sheets:
            found.setdefault(sheet.attempt, []).append(sheet)
        return found


def select(
    dataset: Dataset,
    *,
    attempts: Collection[str] | None = None,
    authors: Collection[Author] | None = None,
    language: Language = "en",
) -> Selection:
    """The attempts and sheets asked for; all of them by default.

    Raises:
        DatasetError: an attempt the dataset does not have, or an author without a sheet in it.
    """
    strange = sorted(set(attempts or ()) - set(dataset.attempts_by_id))
    if strange:
        raise DatasetError(f"dataset {dataset.info.name!r} has no attempt {strange[0]!r}; correct the id")
    have = {(sheet.author.kind, sheet.author.name) for sheet in dataset.sheets}
    wanted = None if authors is None else {(author.kind, author.name) for author in authors}
    unknown = sorted((wanted or set()) - have)
    if unknown:
        raise DatasetError(
            f"dataset {dataset.info.name!r} has no sheet of {':'.join(unknown[0])}; there are "
            f"{', '.join(sorted(':'.join(each) for each in have)) or 'none'}"
        )
    asked = None if attempts is None else set(attempts)
    kept = [attempt for attempt in dataset.attempts if asked is None or attempt.id in asked]
    ids = {attempt.id for attempt in kept}
    sheets = [
        sheet
        for sheet in dataset.sheets
        if sheet.attempt in ids and (wanted is None or (sheet.author.kind, sheet.author.name) in wanted)
    ]
    return Selection(dataset, kept, sheets, language, authors is not None)
