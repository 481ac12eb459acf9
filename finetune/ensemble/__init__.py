"""Predictions of members and of the ensemble, as rows of a report."""
