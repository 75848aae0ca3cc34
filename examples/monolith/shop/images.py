"""Pictures of the articles. Bulky work: megabytes go in, and little comes out."""

from typing import Any

import numpy
from numpy.typing import NDArray
from scipy import ndimage

_SHARPENING = 0.6


def thumbnail(image: NDArray[numpy.uint8], width: int) -> NDArray[numpy.uint8]:
    """A new image, `width` pixels wide, of the same proportions; of shape (height, width, 3), as `image`.

    `image` is only looked at.
    """
    reduced = _averaged(image, max(1, image.shape[1] // width))
    scale = width / reduced.shape[1]
    small = ndimage.zoom(reduced, (scale, scale, 1), order=1)
    sharper = small + _SHARPENING * (small - ndimage.gaussian_filter(small, sigma=(1, 1, 0)))
    return numpy.clip(sharper.round(), 0, 255).astype(numpy.uint8)


def _averaged(image: NDArray[numpy.uint8], step: int) -> NDArray[Any]:
    """Each pixel is the mean of `step` by `step` pixels."""
    height, width = image.shape[0] // step, image.shape[1] // step
    squares = image[: height * step, : width * step].reshape(height, step, width, step, 3)
    return squares.sum(axis=1, dtype=numpy.uint16).sum(axis=2, dtype=numpy.float32) / step**2
