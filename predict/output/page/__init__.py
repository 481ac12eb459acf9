"""Recordings with their emotions as one HTML page, which needs no network: to hear, to see, and to look through.

While recordings are decoded, `PageDraft` keeps their pictures and sounds beside the page. Once all are heard,
`write_recordings_page` puts one after the other into it, so that memory grows neither with their length nor number.
"""
