"""What the data of a fit looked like, for comparing later data with it."""
