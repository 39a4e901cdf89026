"""Instruments: what can be measured in a recording without anybody's judgement."""

from siming.measure.compressions import Bout, CompressionReport, HandsOff, measure_compressions
from siming.measure.intervals import (
    BOUT_GAP_S,
    bouts,
    compression_fraction,
    handsoff_intervals,
    rate_per_min,
)
from siming.measure.metronome import Metronome
from siming.measure.strokes import Stroke

__all__ = [
    "BOUT_GAP_S",
    "Bout",
    "CompressionReport",
    "HandsOff",
    "Metronome",
    "Stroke",
    "bouts",
    "compression_fraction",
    "handsoff_intervals",
    "measure_compressions",
    "rate_per_min",
]
