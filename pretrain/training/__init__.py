"""The contrastive training step and everything around it: trainer, progress, saving, online probe."""
