"""Metrics of predictions, thresholds, and 95 % intervals over speakers.

`METRICS` is the registry: a metric says its name, its meaning and how it is computed in one place.
"""
