"""Lists of clips from folders, indexes and CSVs, as arrays that processes share."""
