"""What pretraining minimises: losses of two views by name, the supervised term, and the regression of functionals."""
