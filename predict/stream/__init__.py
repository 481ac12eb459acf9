"""Recordings as streams of windows: their logits, batch by batch, the rows and segments of these, and their voices."""
