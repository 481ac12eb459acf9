"""From decoded recordings or tars to batches of views, the same batches whatever the number of workers."""
