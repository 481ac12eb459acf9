"""What of a table is probably not meant so: names written in several ways, parts beyond the end, paths of elsewhere."""
