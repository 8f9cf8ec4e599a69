"""Dashboards as code; everything else in this folder is files that other programs read."""
