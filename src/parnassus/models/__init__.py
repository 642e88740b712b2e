"""Models by name: modules above, builders below; one family a file."""
