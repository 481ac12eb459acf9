"""Figures of reports: their theme, what they draw, and how they become PNG files and SVG in pages."""
