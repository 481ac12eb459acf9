"""Sections of a probe's report that need audio or another fit: label efficiency, robustness, cross-corpus, mistakes."""
