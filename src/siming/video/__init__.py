"""From a recording to pictures that know their time.

The decoder and the picture library are loaded when a picture is first wanted, not by importing this room. What makes
the files that raters see is imported by name: `siming.video.ingest`, `siming.video.derivative`, `siming.video.review`.
"""

from __future__ import annotations

from siming.video.frames import Frame, cut_frames, plan_times
from siming.video.plan import PRESETS, FramePlan, Policy
from siming.video.probe import Probe, probe
from siming.video.recipe import Recipe, Region
from siming.video.store import FrameStore, StoredFrame
from siming.video.timemap import TimeMap

__all__ = [
    "PRESETS",
    "Frame",
    "FramePlan",
    "FrameStore",
    "Policy",
    "Probe",
    "Recipe",
    "Region",
    "StoredFrame",
    "TimeMap",
    "cut_frames",
    "plan_times",
    "probe",
]
