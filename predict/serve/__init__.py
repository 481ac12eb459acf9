"""`predict serve`: an interface for programs on this machine, which keeps nothing of what it hears.

An upload goes through `Guard` (whose request it is), `WorkQueue` (how many at once) and `receive_upload` (onto the
disk, within limits) to the ensemble; what comes of it goes back over the same connection, and its folder is removed.
"""
