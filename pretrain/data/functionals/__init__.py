"""Functionals: some 70 numbers that say how a crop is spoken: pitch, voicing, energy and spectrum; no level."""
