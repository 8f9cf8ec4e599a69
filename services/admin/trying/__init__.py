"""Trying a prompt: one question, answered from what is live, from a draft, or by every replica."""
