"""An emotion model (encoder and head), the ensemble of several, and their checkpoints."""
