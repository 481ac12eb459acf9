"""Figures of reports in the colours of the page, light and dark."""
