"""A small benchmark with a private truth, and submissions to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

N_VIDEOS = 12

ASPECTS = (
    "Respect for tissue",
    "Suture/needle handling",
    "Time and motion",
    "Flow of operation",
    "Overall performance",
    "Quality of final product",
)


def truth_rows() -> list[dict[str, Any]]:
    """Twelve recordings with a question of each type that needs neither judge nor encoder, and one summary."""
    rows = []
    for video in range(N_VIDEOS):
        source = "AVOS" if video % 2 else "CoPESD"
        start = 3 * video
        cvs = {"two_structures": video % 3, "cystic_plate": 1, "hepatocystic_triangle": 2 - video % 3}
        skill = {name: 1 + (video + place) % 5 for place, name in enumerate(ASPECTS)}
        box = [10.0 * video, 10.0, 10.0 * video + 50, 60.0]
        events = [{"start": start, "end": start + 9, "caption": "They cut."}]
        parts = [
            ("tal", source, f"{start}-{start + 10} seconds.", [{"spans": [{"start": start, "end": start + 10}]}]),
            ("stg", source, f"1.0 seconds: {box}", [{"bbox_dict": {"1.0": box}}]),
            ("next_action", "AVOS", ("cutting", "tying", "suturing")[video % 3], []),
            ("cvs_assessment", "Cholec80_CVS", ", ".join(f"{k.replace('_', ' ')}: {v}" for k, v in cvs.items()), [{"cvs_scores": cvs}]),
            ("skill_assessment", "JIGSAWS", ", ".join(f"{k}: {v}/5" for k, v in skill.items()), [{"skill_level": "I", "skill_scores": skill}]),
            ("dense_captioning_gpt", source, f"{start}-{start + 9} seconds: They cut.", [events]),
            ("video_summary_gpt", source, "They cut and sew.", []),
        ]  # fmt: skip
        for kind, where, answer, structure in parts:
            rows.append(
                {
                    "id": f"video{video}&&0&&100&&1.0",
                    "qa_type": kind,
                    "data_source": where,
                    "metadata": {"video_id": f"video{video}", "fps": "1.0"},
                    "conversations": [
                        {"from": "human", "value": f"<video>\nWhat of {kind} in {video}?"},
                        {"from": "gpt", "value": answer},
                    ],
                    "struc_info": structure,
                }
            )
    return rows


def answers(change: Callable[[int, str], Any] = lambda number, text: text) -> list[dict[str, Any]]:
    """A submission that gives the reference's own texts, changed as asked."""
    return [
        {"id": row["id"], "qa_type": row["qa_type"], "prediction": change(number, row["conversations"][1]["value"])}
        for number, row in enumerate(truth_rows())
    ]


def silent(number: int, text: str) -> str:
    """No answer to the questions about every other recording."""
    return "" if number // 7 % 2 else text


def write(path: Path, rows: Sequence[Any] | dict[str, Any]) -> Path:
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path
