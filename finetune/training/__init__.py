"""Training one member: the head alone, then the whole network, then temperatures and thresholds."""
