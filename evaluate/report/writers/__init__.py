"""A report as files: one HTML page, JSON, Markdown, a CSV of its predictions, and figures as PNG."""
