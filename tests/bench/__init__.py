"""The bench: what we promise to be fast, each beside the floor that it stands on."""
