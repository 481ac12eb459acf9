"""A report as data, and its writers: one HTML page, JSON, Markdown, CSV and the screen."""
