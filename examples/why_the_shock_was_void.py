"""Two exams that look alike, frame by frame, but for one touch; the examiner says what it cost and why.

python examples/why_the_shock_was_void.py
"""

from siming.rubric import Event, builtin_rubric, examine

aed = builtin_rubric("aed-adult")

STEPS = [
    ("aed01", 0, 3), ("aed02", 3, 5), ("aed03", 5, 8), ("aed04", 8, 17), ("aed05", 17, 19),
    ("aed06", 19, 30), ("aed07", 31, 35), ("aed08", 36.5, 38), ("aed09", 39, 43),
]  # fmt: skip
INSTANTS = [
    ("ev_prompt_analysing", 20), ("ev_prompt_shock_advised", 30), ("ev_prompt_charged", 35), ("ev_shock_button", 37.5),
]  # fmt: skip


def exam(*, touched_at_s: float | None) -> list[Event]:
    """One examination of Tan: every step done in full, and perhaps one touch."""
    rows = [(action, start, end) for action, start, end in STEPS] + [(action, t, t) for action, t in INSTANTS]
    if touched_at_s is not None:
        rows.append(("ev_touch_patient", touched_at_s, touched_at_s))
    return [
        Event(
            attempt="Tan",
            id=f"e{number}",
            action=action,
            start_s=start,
            end_s=end,
            faults=(),
            answers={"rhythm_analysed": True} if action == "aed06" else {},
            source="physician",
            by="wei",
        )
        for number, (action, start, end) in enumerate(rows)
    ]


for name, events in {"nobody touches": exam(touched_at_s=None), "one touch": exam(touched_at_s=36.5)}.items():
    result = examine(aed, events)
    print(f"{name}: {result.points:g} of {result.max_points:g}")
    for loss in result.losses:
        print("  ", *result.reasons(loss.step, "en"))
