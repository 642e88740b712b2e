"""nn.Module parts that torch.nn lacks."""
