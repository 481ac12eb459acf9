"""The state of a run, on the screen and as an HTML page."""
