"""Simulations whose truth is known: do siming's intervals, tests and estimates do what they say?

`latent` draws exams; each other module is one check and ends in tables. Run by `benchmarks/check_intervals.py`.
"""
