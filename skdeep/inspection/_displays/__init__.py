"""Display classes: what inspection finds, as pictures of matplotlib."""
