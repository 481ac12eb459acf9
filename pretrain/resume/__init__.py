"""What a run was made of, and what may change when it is resumed."""
