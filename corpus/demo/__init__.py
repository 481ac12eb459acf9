"""The demo corpus: synthetic voices whose labels are true by construction."""
