"""A page in the browser on which the questions to a result can be moved."""
