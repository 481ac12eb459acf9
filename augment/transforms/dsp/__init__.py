"""Signal processing that several transforms share: banks of noise, and rooms."""
