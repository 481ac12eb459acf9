"""The page of the server: it sends a recording or a microphone, and shows the page of `predict --page` as that grows.

What grows, and all that can be taken along at the end, comes as lines of JSON over the connection of the request: the
browser holds it then, and the server nothing.
"""
