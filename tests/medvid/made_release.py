"""A small data folder in the release's schema: all eleven question types, drawn frames, references of our own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

WIDE, TALL = (320, 180), (180, 320)

SOURCES = {
    # source: folder of its recording, native rate, fps of the sampled frames, size, convention of the clip's extent
    "AVOS": ("xA1", 30, "1.0", WIDE, "input frames"),
    "CholecT50": ("VID25", 25, "0.5", WIDE, "input frames"),
    "CholecTrack20": ("VID117", 25, "1.0", WIDE, "input frames"),
    "CoPESD": ("000024_part8", 30, "1.0", WIDE, "input frames"),
    "EgoSurgery": ("09_5", 2, "1.0", TALL, "input frames"),
    "JIGSAWS": ("Suturing_B001_15fps", 15, "1.0", WIDE, "input frames"),
    "Cholec80_CVS": ("video54", 25, "2.0", WIDE, "frames"),
    "NurViD": ("x7EYttH8g8j", 30, "2.0", WIDE, "seconds"),
}

SA = "Respect for tissue: {}/5, Suture/needle handling: {}/5, Time and motion: {}/5, Flow of operation: {}/5, Overall performance: {}/5, Quality of final product: {}/5"
ASPECTS = [part.partition(":")[0] for part in SA.split(", ")]


def make_release(folder: Path, *, prefix: str = "", references: bool = True, frames: Path | None = None) -> Path:
    """Draw the frames, write the questions, and name their file.

    Args:
        prefix: Written before the source's folder in every path, as some releases do; the frames lie without it.
        references: Whether answers are given, which the public test file does not do.
    """
    rows = [_row(number, *line, prefix=prefix) for number, line in enumerate(_lines())]
    # A true duplicate, byte by byte, and a question that shares its id with others.
    rows.append(json.loads(json.dumps(rows[0])))
    for row in rows:
        draw_frames(frames or folder / "frames", row, strip=prefix)
        if not references:
            row["conversations"] = row["conversations"][:1]
            row["struc_info"] = []
    return write_rows(folder, rows)


def write_rows(folder: Path, rows: Sequence[Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "test.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def rows_of(path: Path) -> list[Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _lines() -> list[tuple[str, str, str, str, Any]]:
    """Source, type, question, answer, structure."""
    spans = [{"spans": [{"start": 1.0, "end": 2.5}, {"start": 4.0, "end": 6.0}]}]
    boxes = {"1.0": [40.0, 30.0, 120.0, 90.0], "3.0": [44.5, 31.0, 124.5, 91.0]}
    said = "1.0 seconds: [40.0, 30.0, 120.0, 90.0] 3.0 seconds: [44.5, 31.0, 124.5, 91.0]"
    events = [
        {"start": 0.0, "end": 2.0, "caption": "The scissors open."},
        {"start": 3.0, "end": 6.0, "caption": "The thread is pulled."},
    ]
    told = "0.0-2.0 seconds: cutting: The scissors open.\n3.0-6.0 seconds: tying: The thread is pulled."
    grades = {"two_structures": 2, "cystic_plate": 1, "hepatocystic_triangle": 0}
    skills = dict(zip(ASPECTS, (3, 2, 3, 4, 3, 5), strict=True))
    return [
        ("AVOS", "tal", "When does cutting take place?", "1.0-2.5, 4.0-6.0 seconds.", spans),
        ("NurViD", "tal", "When is the skin disinfected?", "1.0-2.5, 4.0-6.0 seconds.", spans),
        ("CholecTrack20", "stg", "Where is the grasper at 1 and 3 seconds?", said, [{"bbox_dict": boxes}]),
        ("AVOS", "dense_captioning_gpt", "List all events.", told, [events]),
        ("AVOS", "dense_captioning_gemini", "List all events.", told, [events]),
        ("CholecT50", "next_action", "Which step follows?", "clipping-and-cutting", []),
        ("AVOS", "next_action", "Which step follows?", "tying", []),
        ("Cholec80_CVS", "cvs_assessment", "Grade the critical view of safety.", "Two structures: 2, Cystic plate: 1, Hepatocystic triangle: 0", [{"cvs_scores": grades}]),
        ("CoPESD", "video_summary_gpt", "Summarise the clip.", "The knife frees the flap.", []),
        ("CoPESD", "video_summary_gemini", "Summarise the clip.", "The flap is freed with a knife.", []),
        ("EgoSurgery", "region_caption_gpt", "What does the marked hand do?", "It holds the needle.", []),
        ("EgoSurgery", "region_caption_gemini", "What does the marked hand do?", "A needle is held.", []),
        ("JIGSAWS", "skill_assessment", "Rate the skill.", SA.format(3, 2, 3, 4, 3, 5), [{"skill_level": "I", "skill_scores": skills}]),
    ]  # fmt: skip


def _row(number: int, source: str, qa_type: str, question: str, answer: str, structure: Any, *, prefix: str) -> Any:
    video, rate, fps, _, convention = SOURCES[source]
    stride = round(rate / float(fps))
    first = 100
    numbers = [first + stride * k for k in range(7)]
    if source == "CholecT50":
        numbers[3] += 7  # strides can be irregular within a clip
    last = numbers[-1]
    extent = {
        "input frames": {"input_video_start_frame": str(first), "input_video_end_frame": str(last)},
        "frames": {"start_frame": str(first), "end_frame": str(last)},
        "seconds": {"input_video_start_time": f"{first / rate:.2f}", "input_video_end_time": f"{last / rate:.2f}"},
    }[convention]
    paths = [f"{prefix}{source}/{video}/frame_{n:07d}.jpg" for n in numbers]
    row = {
        "id": f"{video}&&{first}&&{last}&&{fps}",
        "qa_type": qa_type,
        "data_source": source,
        "dataset_name": source,
        "metadata": {"video_id": video, "fps": fps, **extent},
        "video": paths,
        "sampled_video_frames": numbers,
        "conversations": [{"from": "human", "value": f"<video>\n{question}"}, {"from": "gpt", "value": answer}],
        "struc_info": structure,
        "is_RC": qa_type.startswith("region"),
    }
    if row["is_RC"]:
        row["RC_info"] = {"start_frame": paths[2], "start_frame_bbox": [30, 200, 90, 280]}
    return row


def draw_frames(folder: Path, row: Any, *, strip: str = "") -> None:
    """Grey pictures on which a square wanders, larger numbers brighter; no green anywhere."""
    size = SOURCES[row["data_source"]][3]
    for place, path in enumerate(row["video"]):
        file = folder / path.removeprefix(strip)
        if file.exists():
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        image = Image.new("RGB", size, (60 + 10 * place,) * 3)
        ImageDraw.Draw(image).rectangle((10 * place, 10, 10 * place + 30, 40), fill=(200, 40, 40))
        image.save(file, "JPEG", quality=90)
