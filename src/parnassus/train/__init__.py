"""Phases, the trainer, optimizers and schedules; sees phases and batches only."""
