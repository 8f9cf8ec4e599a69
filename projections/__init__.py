"""Projections: state folded from the log, and the follower that keeps it true. Imports events only."""
