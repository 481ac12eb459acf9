"""`predict serve`: a page and an interface for programs on this machine, which keep nothing of what they hear.

An upload goes through `Guard` (whose request it is), `WorkQueue` (how many at once) and `receive_upload` (onto the
disk, within limits) to the ensemble; what comes of it goes back over the same connection, and its folder is removed.
"""
