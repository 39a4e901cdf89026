"""MedVidBench scored as it should be: unread is wrong, surplus costs, nothing is matched by luck of position."""
