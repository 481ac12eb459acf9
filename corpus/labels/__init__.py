"""labels.csv and what follows from it: clips with emotions, speakers, splits, folds and leaks."""
