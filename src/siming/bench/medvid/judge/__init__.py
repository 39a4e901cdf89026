"""The judge of captions: what it is asked, how its reply is read, and how far two judges agree.

Asking is `siming.methods.medvid_judge`.
"""

from siming.bench.medvid.judge.folder import load_grades

__all__ = ["load_grades"]
