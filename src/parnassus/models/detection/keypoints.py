"""Nets that find keypoints: a map of heat for each."""

from ...errors import SettingError
from ...objectives.detection.keypoints import HeatKeypoints
from ...registry import model
from .segmentation import UNet


@model.register("keypoint_finder")
def heat_unet(
    *,
    in_channels: int,
    n_outputs: int,
    widths: tuple[int, ...] = (16, 32, 64),
    norm: bool = True,
    sigma: float = 1.5,
) -> HeatKeypoints:
    """A U-Net with a map for each keypoint, learned as distributions over places.

    `sigma` is how wide the bumps around true points are, in pixels.

    Source: Ronneberger, Fischer and Brox 2015 (the net); Tompson et al. 2014, He et al. 2017 (the maps).
    """
    if not 0 < sigma < 100:
        raise SettingError(f"model 'heat_unet': sigma is in pixels, above 0; got {sigma}")
    return HeatKeypoints(UNet(in_channels, n_outputs, widths=widths, norm=norm), sigma=sigma)
