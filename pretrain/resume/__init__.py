"""Resuming a run: what may differ from its start, its history, and how a signal stops it."""
