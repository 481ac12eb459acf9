"""Features a probe is fitted to: embeddings of encoders, log-mel statistics, eGeMAPS."""
