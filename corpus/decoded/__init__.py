"""Decoded audio, kept by content in a cache of memory-mapped shards that all runs share."""
