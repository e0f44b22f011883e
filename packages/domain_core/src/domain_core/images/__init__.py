"""Raw images to what models take: decode, resize, crop, normalize."""

from domain_core.images.converter import ImageConverter

__all__ = ["ImageConverter"]
