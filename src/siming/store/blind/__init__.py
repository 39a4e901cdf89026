"""Blind rating: who rates what, the log of changes, leases, devices, submissions, calibration."""
