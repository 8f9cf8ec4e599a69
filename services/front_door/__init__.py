"""The front door: what a connection may cost before, between and behind its requests."""
