"""Looking at what was trained: plots and the report."""
