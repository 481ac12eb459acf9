"""The index of a corpus: which recordings lie in folders, what each holds, and statistics of them."""
