"""The torture suite: real processes, faults put in on purpose, and a checker that judges."""
