"""An ensemble or an encoder as one file, from waveform to probabilities or embeddings, for use without this package.

`export` writes it as ONNX or as a program of torch, then runs the file that was written and compares it with the
network. The file says by its metadata all that its user needs: sample rate, windows, emotions, thresholds, licence.
"""
