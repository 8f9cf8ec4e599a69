"""Tests of `events`: the log and what stands in it."""
