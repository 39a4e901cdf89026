"""What is counted and what leaves: datasets, statistics with their snapshots, releases, sheets of models."""
