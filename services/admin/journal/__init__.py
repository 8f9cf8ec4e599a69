"""The journal: an admin's own copy of a whole log on its disk."""
