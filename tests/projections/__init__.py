"""Tests of `projections`: what is folded from the log, and what keeps it true."""
