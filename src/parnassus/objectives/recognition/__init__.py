"""Speech recognition by hidden Markov models and templates: what is trained and searched behind the models' names."""
