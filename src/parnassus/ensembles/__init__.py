"""Bagging, voting, stacking and boosting over estimators."""
