"""Requests about attempts that need no dataset: pictures drawn on the spot, one prompt, one small schema."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from siming.bench.folder import RunInfo
from siming.bench.request import FramesPart, Request, RequestPlan, TextPart
from siming.run import Frame

SCHEMA = {
    "type": "object",
    "properties": {
        "steps": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"id": {"enum": ["cpr01", "cpr02"]}, "points": {"type": ["number", "null"]}},
                "required": ["id", "points"],
            },
        }
    },
}


def request(name: str = "A-001", *, times: Sequence[float] = (0.5, 12.46, 30.0), **changes: Any) -> Request:
    """One question."""
    fields: dict[str, Any] = {
        "id": name,
        "setting": "full-points",
        "attempt": name,
        "rubrics": ("cpr-adult-single 0.1",),
        "steps": ("cpr01", "cpr02"),
        "video": f"videos/{name}.mp4",
        "plan": RequestPlan(policy="middle:3", times_s=tuple(times), max_side=64),
        "system": "You are an examiner.",
        "parts": (TextPart(text=f"This is attempt {name} ."), FramesPart(), TextPart(text="Give points.")),
        "answer_schema": SCHEMA,
    }
    return Request(**{**fields, **changes})


def requests(n: int) -> list[Request]:
    """Questions about A-001 and its followers."""
    return [request(f"A-{k:03}") for k in range(1, n + 1)]


def info(model: str = "mock:random", **changes: Any) -> RunInfo:
    """What run.yaml says."""
    fields: dict[str, Any] = {
        "name": "spring",
        "dataset": "demo",
        "dataset_version": "1",
        "rubrics": ("cpr-adult-single 0.1",),
        "setting": "full-points",
        "model": model,
        "siming": "0.1.0",
    }
    return RunInfo(**{**fields, **changes})


class DrawnFrames:
    """A source of small JPEG pictures, one colour each, and of a file that stands for the video."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def frames(self, request: Request) -> list[Frame]:
        found = []
        for k, time_s in enumerate(request.plan.times_s):
            path = self._folder / f"{k}.jpg"
            if not path.exists():
                part = path.with_suffix(f".{id(request)}.part")
                Image.new("RGB", (32, 24), (20 * k % 256, 90, 160)).save(part, "JPEG")
                part.replace(path)
            found.append(Frame(time_s, time_s - 0.01, path, f"drawn/{k}.jpg"))
        return found

    def video(self, request: Request) -> Path:
        path = self._folder / "attempt.mp4"
        path.write_bytes(b"\x00\x00\x00\x18ftypmp42")
        return path
