"""Tables as people have them: files of several forms as columns of text, and what their columns mean."""
