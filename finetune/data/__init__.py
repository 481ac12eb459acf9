"""Labeled recordings made ready for training: decoded, divided by speaker, a task for each fold."""
