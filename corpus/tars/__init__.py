"""Sharded tars in WebDataset's form: writing them, and reading any stretch of a corpus of them."""
