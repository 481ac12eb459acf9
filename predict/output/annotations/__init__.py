"""Segments of a recording as the files that tools for annotation open.

Audacity shows them as labels, a video player as subtitles (WebVTT), Praat and ELAN as tiers (TextGrid), and tools for
diarisation read them as RTTM. Each file here turns an `Annotation` into text; `forms.py` says which ending is which.
"""
