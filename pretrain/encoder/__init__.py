"""The encoder (spectrogram, CNN, pooling), its checkpoint, and embeddings of clips by it."""
