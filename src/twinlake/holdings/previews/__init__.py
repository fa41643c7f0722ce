"""Map tiles of held rasters, drawn by a disposable child: the gateway opens no file formats."""

from twinlake.holdings.previews.renderer import PreviewRenderer, TileRequest

__all__ = ["PreviewRenderer", "TileRequest"]
