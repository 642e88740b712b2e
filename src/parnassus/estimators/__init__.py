"""Tasks, scikit-learn style."""
