"""Sections of a report made of predictions alone: calibration, label efficiency, robustness, mistakes."""
