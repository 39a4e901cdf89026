"""An exam as an MP4 file: the stages drawn, the sound mixed, both encoded."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

from siming.simulate.choreography import stages
from siming.simulate.exam import Exam
from siming.simulate.scene import draw
from siming.simulate.soundtrack import RATE_HZ, soundtrack
from siming.video.encode import write_video

FPS = 10
"""Pictures per second: a stroke at 120 per minute is still seen five times."""


def draw_exam(exam: Exam, path: Path, *, fps: int = FPS) -> None:
    """Write the video of an exam. The same exam gives the same bytes on one machine and version."""
    frames = stages(exam.timed, fps=fps, duration_s=exam.duration_s)
    sound = soundtrack(exam.timed, duration_s=exam.duration_s, seed=crc32(exam.attempt.id.encode()))
    write_video(path, (draw(stage) for stage in frames), fps=fps, sound=sound, sound_rate_hz=RATE_HZ)
