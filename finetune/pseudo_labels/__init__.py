"""Pseudo-labels (Lee 2013): confident predictions for unlabeled recordings, trained on in a second round."""
