"""Captions to be judged, and a judge's server on the loopback address that grades, fails, stalls and babbles by script.
Used by the tests (in a thread) and by benchmarks/bench_judge.py (as a process of its own)."""

from __future__ import annotations

import importlib.util
import json
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

CODES = ("R2", "R3", "R8", "R5", "R4")
GOOD = "\n".join(f"{code}: {grade}" for code, grade in zip(CODES, (4, 3, 5, 2, 4), strict=True))
GARBAGE = (
    "The candidate is rather good, all things considered.",
    "R2: 4\nR3: 9\nR8: 3\nR5: 3\nR4: 3",
    "R2: 3\nR3: 3",
    "{}",
)


def _loopback() -> ModuleType:
    """tests/run/loopback.py, which another folder of tests owns."""
    if "loopback" in sys.modules:
        return sys.modules["loopback"]
    path = Path(__file__).resolve().parents[1] / "run" / "loopback.py"
    spec = importlib.util.spec_from_file_location("loopback", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["loopback"] = module
    spec.loader.exec_module(module)
    return module


_module = _loopback()
Ask, Reply, completion = _module.Ask, _module.Reply, _module.completion


class JudgeServer(_module.Loopback):
    """The loopback server of the runner's tests, which tells questions apart by the mark of their fences."""

    def __init__(self, reply: Callable[[Any], Any] | None = None, **more: Any) -> None:
        super().__init__(reply or (lambda ask: Reply(body=completion(GOOD))), **more)
        self.bodies: list[bytes] = []

    def _see(self, head: str, body: bytes) -> Any:
        found = re.search(rb"mark of this question is ([0-9a-f]{12})", body)
        name = found[1].decode() if found else "?"
        self._counts[name] += 1
        if self._look:
            self.bodies.append(body)
        key = re.search(r"authorization: bearer (\S+)", head, re.IGNORECASE)
        return Ask(name, self._counts[name], key[1] if key else "", {}, (), (), None)


def by_script(
    *,
    failing: float = 0.05,
    garbling: float = 0.03,
    scolding: float = 0.02,
    per_second: float | None = None,
    seed: int = 0,
) -> Callable[[Any], Any]:
    """What happens to each ask, by its name and number: the same for every client.

    Args:
        failing, garbling, scolding: Shares of asks that end as an HTTP 500, 503 or a cut connection; without grades; and
            with a 429 that has no reason but wants a pause of a second.
        per_second: Asks the server takes; the others are turned away with 429 and told to come back.
    """
    tokens, refilled_at = per_second or 0.0, time.monotonic()

    def reply(ask: Any) -> Any:
        nonlocal tokens, refilled_at
        if per_second is not None:
            now = time.monotonic()
            tokens, refilled_at = min(per_second, tokens + (now - refilled_at) * per_second), now
            if tokens < 1:
                wait = {"Retry-After": "1"}
                return Reply(429, {"error": {"message": "slower, please"}}, wait)
            tokens -= 1
        rng = random.Random(f"{seed} {ask.id} {ask.nth}")
        drawn = rng.random()
        if drawn < failing:
            fault = rng.choice(("500", "503", "cut"))
            if fault == "cut":
                return Reply(body=completion(GOOD), cut_after=40)
            return Reply(int(fault), {"error": {"message": "the judge has a headache"}})
        if drawn < failing + garbling:
            return Reply(body=completion(rng.choice(GARBAGE)))
        if drawn < failing + garbling + scolding:
            return Reply(429, {"error": {"message": "slower, please"}}, {"Retry-After": "1"})
        return Reply(body=completion("\n".join(f"{code}: {rng.randint(1, 5)}" for code in CODES)))

    return reply


WORDS = (
    "the grasper lifts", "a hook frees the neck", "of the gallbladder", "from its bed", "the cystic duct is shown",
    "clipped and cut", "suction clears blood", "from the field", "a needle driver takes", "the first bite",
    "of the running suture", "left", "right", "slowly", "twice", "without bleeding",
)  # fmt: skip


def write_captions(folder: Path, n: int, *, seed: int = 0) -> tuple[Path, Path]:
    """A submission of `n` summaries and region captions about n / 5 recordings, and its truth. No two texts are alike."""
    rng = random.Random(seed)
    truth, submission = [], []
    for number in range(n):
        kind = ("video_summary_gpt", "region_caption_gpt")[number % 2]
        video = f"case-{number // 5:04}"
        row_id = f"{video}&&{number % 5}&&60&&1.0"
        reference, candidate = (f"{number}: {' '.join(rng.choices(WORDS, k=15))}." for _ in range(2))
        truth.append(
            {
                "id": row_id,
                "qa_type": kind,
                "data_source": "AVOS",
                "metadata": {"video_id": video, "fps": "1.0"},
                "conversations": [
                    {"from": "human", "value": f"<video>\nWhat happens? ({number})"},
                    {"from": "gpt", "value": reference},
                ],
                "struc_info": [],
            }
        )
        submission.append({"id": row_id, "qa_type": kind, "prediction": candidate})
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / "submission.json", folder / "truth.json"
    for path, rows in zip(paths, (submission, truth), strict=True):
        path.write_text(json.dumps(rows))
    return paths
