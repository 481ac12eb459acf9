"""Work on files spread over processes of this machine or a Ray cluster, with results in order."""
