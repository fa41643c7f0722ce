"""Large cubes, computed part by part: which parts, what each of them needs, and how they are put together.

Only `computing` and `scratch` touch files; all else is decided from the shapes of cubes.
"""
