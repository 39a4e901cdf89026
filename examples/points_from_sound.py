"""From a recording's sound to points for the steps that can be measured.

python examples/points_from_sound.py exam.mp4
"""

import sys

from siming.measure import measure_compressions
from siming.rubric import Event, builtin_rubric, examine

recording = sys.argv[1]
heard = measure_compressions(recording)
for number, bout in enumerate(heard.bouts, start=1):
    print(f"bout {number}: {bout.n} strokes from {bout.first_s:.1f} s to {bout.last_s:.1f} s")

strokes = [Event.from_plain(plain) for plain in heard.to_events(attempt="Tan")]
exam = examine(builtin_rubric("cpr-adult-single"), strokes, absent="unseen")
for step, result in exam.steps.items():
    if result.points is not None:
        print(f"{step}: {result.points:g} points", *exam.reasons(step, "en"), sep="\n    ")
print(f"{len(exam.open_questions)} questions are left to somebody who looks")
