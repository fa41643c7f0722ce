"""Map tiles of held rasters, drawn by a disposable child: the gateway opens no file formats."""

from twinlake.holdings.previews.renderer import PreviewRenderer, RasterSummary, TileRequest, UndrawableError

__all__ = ["PreviewRenderer", "RasterSummary", "TileRequest", "UndrawableError"]
