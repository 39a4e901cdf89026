"""What a project decides for itself, with the defaults of the paper's protocol."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Policy(BaseModel):
    """A project's rules. Stored whole with everything that was decided under it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    mode: Literal["third", "joint"] = "third"
    """Who adjudicates: a third person alone, or both raters with the adjudicator (the paper's protocol)."""
    tolerance: float = Field(default=0.0, ge=0)
    """Points by which two sheets may differ on a step and still agree; 0 is the paper's."""
    explain: Literal["exact", "some", "none"] = "exact"
    """What a score below the maximum needs: deductions that add up to what is missing, or a rationale for the rest
    (exact); at least one deduction or a rationale (some); nothing (none)."""
    evidence_required: bool = True
    """Whether a score below the maximum needs at least one evidence interval."""
    unseen_max_share: float | None = Field(default=0.1, ge=0, le=1)
    """Share of the video that may stay unplayed at submission; None asks for nothing."""
    show_total: bool = True
    """Whether raters see their running total."""
    global_rating: bool = False
    """Whether raters give an impression of the whole performance, 1 to 5."""
    hide_raters_in_adjudication: bool = True
    lock_needs_second_person: bool = False
    """Whether a consensus is locked by somebody else than who decided the case."""
    exclusion_needs_second_person: bool = True
    calibration_pass_kappa: float | None = Field(default=None, ge=-1, le=1)
    """Quadratic weighted kappa against the expert panel that a rater must reach before his first assignment."""
    session_minutes: int = Field(default=720, ge=5, le=14 * 24 * 60)
    watermark: bool = True
    """Whether the viewer's code lies over the video."""
