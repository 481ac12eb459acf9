"""The share of listeners from which an emotion counts as there, wherever labels are scored."""

POSITIVE_SHARE = 0.25
"""The default of the setting `positive_share`, whose type is `evaluate.settings.PositiveShare`."""
