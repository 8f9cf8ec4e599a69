"""The tests. Folders mirror the packages; `system` runs real processes."""
