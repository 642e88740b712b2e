"""Diffusion by equations: noise schedules, the way there, the way back, and what the loss weighs."""
