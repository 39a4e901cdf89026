"""siming (司命) judges clinical procedures step by step from video, and says how far a judgement can be trusted."""

__version__ = "0.1.0"
