"""Raw data to tensors and back: codecs, rows, sources, splits, audits."""
