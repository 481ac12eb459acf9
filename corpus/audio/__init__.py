"""One audio file to a waveform: decoding, resampling to mono 16 kHz, padding, encoding in memory."""
