"""Recipes for corpora of emotions in the wild: podcasts, television, music. One module a corpus."""
