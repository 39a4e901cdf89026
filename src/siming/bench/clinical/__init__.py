"""SiMing-Bench: its four settings, what they ask, and how replies are read."""

from __future__ import annotations

from siming.bench.clinical.answer import answer_schema, answer_text
from siming.bench.clinical.ask import Asked, build_requests
from siming.bench.clinical.prompt import PROMPT_VERSION
from siming.bench.clinical.reply import Reading, StepReading, read_reply, to_sheets
from siming.bench.clinical.setting import SETTINGS, Setting, get_setting

__all__ = [
    "PROMPT_VERSION",
    "SETTINGS",
    "Asked",
    "Reading",
    "Setting",
    "StepReading",
    "answer_schema",
    "answer_text",
    "build_requests",
    "get_setting",
    "read_reply",
    "to_sheets",
]
