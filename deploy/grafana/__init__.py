"""Grafana: the dashboards, written as code and committed as the JSON that Grafana reads."""
