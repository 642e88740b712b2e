"""Draws from log-densities: chains, variational fits and their diagnostics."""
