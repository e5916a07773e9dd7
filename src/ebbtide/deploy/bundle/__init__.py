"""The bundle: an archive of the user's code with Ebbtide, one of a layer with its dependencies, or a container image.

`build.py` tells the order; each file beside it tells one part.
"""
