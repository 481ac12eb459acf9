"""Sections of a report that are computed from predictions alone: calibration, label efficiency, robustness."""
