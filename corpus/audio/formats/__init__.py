"""How recordings are opened: which library reads what, and what containers say that no decoder tells."""
