"""Labeled recordings made ready: decoded, divided by speaker, a task for each fold; and another corpus to score."""
