"""`python -m siming` is the command line."""

from siming.cli import main

main()
