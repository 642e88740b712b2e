"""Changes of pictures that leave their meaning: geometry, colour, tones, distortion; in batches, on any device.

Pictures are float tensors (batch, channels, height, width) with values from 0 to 1. Positions are continuous and in
pixels: the picture spans [0, width] x [0, height], and the centre of the first pixel lies at (0.5, 0.5). Boxes are
(x1, y1, x2, y2) in the same coordinates. Strengths are tensors (batch,), one for each picture.
"""
