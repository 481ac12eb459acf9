"""Studies: the sections of a fine-tuning report. Each is a function of the run's `Context`, listed in `run.STUDIES`."""
