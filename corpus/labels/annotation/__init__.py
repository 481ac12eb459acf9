"""Labelling by ear: clips of a table are heard on a page in the browser; what is heard becomes labels.csv."""
