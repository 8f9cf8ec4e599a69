"""Sizing: what one admin, one replica, one prompt, one event and one save cost."""
