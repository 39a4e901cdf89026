"""The official evaluator of MedVidBench, reproduced with its defects (the leaderboard application's version)."""
