"""What a release says of itself: for the machine (`release.yaml`) and for people (`README.md`)."""
