"""Healing: who may append when, what is put back into a log that has lost something, and who is told."""
