"""MedVidBench: eight medical-video tasks, asked, scored as the official evaluator does and as it should, judged."""
