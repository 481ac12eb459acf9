"""Sections of a fine-tuning report that take more training or more recordings."""
