"""Bands by their names, their common names and their wavelengths.

Source: STAC extension eo 2.0.0
"""

from twinlake.processing.openeo.shapes.dimensions import Dimension


def find_bands(bands: Dimension, name: str) -> list[int]:
    """Return the places of the band called so, or else of all with this common name."""
    if name in bands.labels:
        return [bands.labels.index(name)]
    return [place for place, common in enumerate(bands.common_names or ()) if common == name]


def find_wavelengths(bands: Dimension, shortest: float, longest: float) -> list[int]:
    """Return the places of the bands of which the centre lies between two wavelengths in micrometres, both included."""
    return [place for place, centre in enumerate(bands.wavelengths or ()) if centre is not None and shortest <= centre <= longest]
