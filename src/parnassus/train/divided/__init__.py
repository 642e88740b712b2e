"""Trainings whose weights are divided among processes: loaded when asked for, as what they stand on loads slowly."""
