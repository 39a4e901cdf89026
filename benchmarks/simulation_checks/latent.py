"""Exams with a known truth: the latent model of the specification, section 7.

Each step of each candidate has a quality: candidate + step easiness + chance, divided by its standard deviation. A
rater perceives it with noise. Both are cut into four levels at points where each level has its share, exactly, over
these steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Labels = NDArray[np.int8]
Floats = NDArray[np.float32]

N_LEVELS = 4
NOT_FULL = np.array([0.2, 0.3, 0.5])
"""How steps that are not fully correct divide into failed, deficient and minor."""


@dataclass(frozen=True)
class Exam:
    """What is fixed while videos are drawn: the steps, the rater, and where both cut."""

    full: float
    """Share of cells fully correct, of the truth and of the rater alike."""
    rho: float
    """Correlation of the rater's percept with the truth, given nothing else."""
    halo: float = 0.0
    """Share of the variance of the rater's noise that is one and the same in all steps of a video."""
    calls: float = 1.0
    """Cells that the rater puts below full, as a multiple of the truth's."""
    candidate_sd: float = 0.5
    step_sd: float = 0.7
    n_steps: int = 33

    @cached_property
    def _scale(self) -> float:
        return float(np.sqrt(self.candidate_sd**2 + self.step_sd**2 + 1))

    @cached_property
    def easiness(self) -> NDArray[np.float64]:
        """Of each step, hardest first: normal quantiles, so that no accident of drawing steps enters any result."""
        quantiles = special.ndtri((np.arange(self.n_steps) + 0.5) / self.n_steps)
        return self.step_sd * quantiles / quantiles.std() / self._scale

    @cached_property
    def truth_cuts(self) -> NDArray[np.float64]:
        """Qualities at which levels 1, 2 and 3 begin."""
        within = np.sqrt(self.candidate_sd**2 + 1) / self._scale
        return _cuts(self.easiness, within, (1 - self.full) * NOT_FULL)

    @cached_property
    def rater_cuts(self) -> NDArray[np.float64]:
        """Percepts at which levels 1, 2 and 3 begin."""
        within = np.sqrt(self.rho**2 * (self.candidate_sd**2 + 1) / self._scale**2 + 1 - self.rho**2)
        return _cuts(self.rho * self.easiness, within, self.calls * (1 - self.full) * NOT_FULL)

    def qualities(self, rng: np.random.Generator, n_videos: int) -> Floats:
        """True quality of each step, (n_videos, n_steps)."""
        quality = rng.standard_normal((n_videos, self.n_steps), dtype=np.float32)
        quality += np.float32(self.candidate_sd) * rng.standard_normal((n_videos, 1), dtype=np.float32)
        quality /= np.float32(self._scale)
        quality += self.easiness.astype(np.float32)
        return quality

    def truth(self, quality: Floats) -> Labels:
        """The true levels."""
        return _levels(quality, self.truth_cuts)

    def rater(self, rng: np.random.Generator, quality: Floats) -> Labels:
        """The levels that the rater gives."""
        noise = np.float32(np.sqrt(1 - self.halo)) * rng.standard_normal(quality.shape, dtype=np.float32)
        noise += np.float32(np.sqrt(self.halo)) * rng.standard_normal((len(quality), 1), dtype=np.float32)
        return _levels(np.float32(self.rho) * quality + np.float32(np.sqrt(1 - self.rho**2)) * noise, self.rater_cuts)

    def draw(self, rng: np.random.Generator, n_videos: int) -> tuple[Labels, Labels]:
        """True and given levels of new videos, each (n_videos, n_steps)."""
        quality = self.qualities(rng, n_videos)
        return self.truth(quality), self.rater(rng, quality)

    def __str__(self) -> str:
        halo = f", halo {100 * self.halo:.0f} %" if self.halo else ""
        return f"full {self.full:.2f}, ρ {self.rho:g}{halo}"


def _cuts(centres: NDArray[np.float64], sd: float, shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points below which the mixture over steps has the cumulated shares."""

    def below(cut: float, share: float) -> float:
        return float(special.ndtr((cut - centres) / sd).mean() - share)

    return np.array([optimize.brentq(below, -9, 9, args=(share,)) for share in np.cumsum(shares)])


def _levels(percept: Floats, cuts: NDArray[np.float64]) -> Labels:
    level = np.zeros(percept.shape, dtype=np.int8)
    for cut in cuts.astype(np.float32):
        level += percept >= cut
    return level
