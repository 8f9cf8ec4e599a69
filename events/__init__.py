"""Events: what happened, how it is written down, and the log that keeps it. Imports nothing above."""
