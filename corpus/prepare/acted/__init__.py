"""Recipes for corpora of acted and elicited emotions, one module a corpus."""
