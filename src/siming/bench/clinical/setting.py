"""The four settings of SiMing-Bench: what a model is shown, and what it is asked for."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

from siming.errors import TaskError
from siming.rubric import Language

Scope = Literal["full", "clip"]
"""The whole recording with all its steps, or the clip of one step."""

Asks = Literal["points", "errors"]
"""Points for each step, or only whether the step was done wrong."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One way of asking about attempts."""

    name: str
    scope: Scope
    asks: Asks
    title: str
    title_zh: str

    def title_in(self, language: Language) -> str:
        """The title in the reader's language."""
        return self.title_zh if language == "zh" else self.title


SETTINGS: tuple[Setting, ...] = (
    Setting("full-points", "full", "points", "Full-video scoring", "全程视频评分"),
    Setting("full-errors", "full", "errors", "Full-video error detection", "全程视频错误检测"),
    Setting("clip-points", "clip", "points", "Step-clip scoring", "步骤片段评分"),
    Setting("clip-errors", "clip", "errors", "Step-clip error detection", "步骤片段错误检测"),
)


def get_setting(name: str) -> Setting:
    """The setting of that name.

    Raises:
        TaskError: there is no such setting; the message names the nearest one.

    >>> get_setting("clip-errors").title
    'Step-clip error detection'
    """
    by_name = {setting.name: setting for setting in SETTINGS}
    if name in by_name:
        return by_name[name]
    # A cutoff of 0 always finds one: whatever was typed, the advice names a setting that exists.
    nearest = difflib.get_close_matches(name.lower().replace("_", "-"), by_name, n=1, cutoff=0.0)[0]
    raise TaskError(f"unknown setting {name!r}; did you mean {nearest!r}? There are {', '.join(by_name)}")
