"""Studies of a probe: each gives a section of the report, or none where it was not asked for."""
