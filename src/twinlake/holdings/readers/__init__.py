"""Readers of formats: from one file to its description, its picture, or the STAC documents it holds.

Everything here opens files that others made, so it runs in disposable children only; `formats.detect` and
`describe` are the ways in. GDAL is set up in `gdal` and nowhere else.
"""
