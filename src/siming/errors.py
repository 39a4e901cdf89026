"""Everything siming raises on purpose.

    SimingError
    ├── RubricError        a rubric file is wrong
    ├── SheetError         a sheet does not fit its rubric or attempt
    ├── EventError         an event does not fit its rubric or attempt
    ├── LabelError         numbers outside the scale, or of different length
    ├── DatasetError       a dataset folder or one of its files is wrong
    ├── RunError           a run folder is wrong, or belongs to something else
    ├── TaskError          an unknown setting, model name or option value
    ├── VideoError         the recording cannot be used as it is (`kind` says in what way)
    ├── ReplyError         the model answered and we cannot read it (counted)
    ├── ModelCallError     no answer came; retried, then recorded (never scored)
    ├── MissingExtraError  names the pip command that brings what is missing
    ├── StoreError         the database or the disk cannot be used (`kind` says in what way)
    └── RoomError          the exam room did not do what it was asked (`code` says why)
        ├── InputError         what was sent does not fit; mend and send again
        ├── NotAllowedError    who asks has no right to this
        ├── NotFoundError      there is nothing of that name, or the asker may not know that there is
        └── ConflictError      the thing has moved on since the asker saw it (`kind`, `detail`)

A message says what is wrong, where, what was found, what was wanted, and the mend.
"""

from __future__ import annotations

from collections.abc import Mapping


class SimingError(Exception):
    """Root of all errors a user of siming may want to catch."""


class RubricError(SimingError):
    """A rubric file is wrong; mend it and rerun."""


class SheetError(SimingError):
    """A sheet does not fit its rubric or its attempt."""


class EventError(SimingError):
    """An event does not fit its rubric or its attempt."""


class LabelError(SimingError):
    """Numbers outside the scale, of different length, or none at all."""


class DatasetError(SimingError):
    """A dataset folder, or a line of one of its files, is wrong."""


class RunError(SimingError):
    """A run folder is wrong, or was made for something else."""


class TaskError(SimingError):
    """An unknown setting, model name or option value."""


class VideoError(SimingError):
    """The recording cannot be used as it is.

    `kind` is stable and meant for programs: ``missing``, ``empty``, ``not_a_video``, ``no_video_stream``,
    ``no_audio_stream``, ``index_missing``, ``truncated``, ``damaged``, ``too_large``, ``too_slow``, ``no_space``, ``bad_time``.
    """

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class ReplyError(SimingError):
    """A model answered and the answer cannot be read."""


class ModelCallError(SimingError):
    """No usable answer came back from a model call.

    Args:
        status: What the prediction records: ``failed`` or ``refused``.
        retryable: Whether asking again may help.
    """

    def __init__(self, message: str, *, status: str = "failed", retryable: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.retryable = retryable


class MissingExtraError(SimingError):
    """A package that an optional feature needs is not installed."""

    def __init__(self, feature: str, extra: str, *, also: str | None = None) -> None:
        then = f" && {also}" if also else ""
        super().__init__(f"{feature} needs packages that are not installed: pip install 'siming[{extra}]'{then}")
        self.extra = extra


class StoreError(SimingError):
    """The database, or the disk below it, cannot be used.

    `kind` is stable and meant for programs: ``full``, ``read_only``, ``busy``, ``newer`` (made by a later siming),
    ``damaged``, ``unreachable``.
    """

    def __init__(self, message: str, *, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class RoomError(SimingError):
    """What the exam room answers when it does not do what it was asked.

    Args:
        code: Stable, for programs and for the sentence a page shows in the reader's language, such as
            ``initials_missing``.
        params: Plain values that go into that sentence.
    """

    def __init__(self, message: str, *, code: str = "", params: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.params = dict(params or {})


class InputError(RoomError):
    """What a person or a program sent to the exam room does not fit; nothing was changed.

    Args:
        field: The field at fault, where one can be named, such as ``initials``.
    """

    def __init__(
        self, message: str, *, field: str | None = None, code: str = "", params: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message, code=code, params=params)
        self.field = field


class NotAllowedError(RoomError):
    """Who asks has no right to this; the message names the role that has."""


class NotFoundError(RoomError):
    """There is nothing of that name, or the asker may not know that there is: the two read the same."""


class ConflictError(RoomError):
    """The thing has moved on since the asker saw it; nothing was changed, and what he sent is kept where `detail` says.

    `kind` is stable and meant for programs: ``stale_writer``, ``stale_version``, ``leased``, ``locked``, ``state``,
    ``exists``, ``incomplete``, ``out_of_order``, ``client_reused``.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        detail: Mapping[str, object] | None = None,
        code: str = "",
        params: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=code, params=params)
        self.kind = kind
        self.detail = dict(detail or {})
