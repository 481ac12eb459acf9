"""Recordings as streams of windows: their logits, batch by batch, the rows these make, and whose voice they are."""
