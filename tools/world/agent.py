"""The real `landbridge run` in a process that ends with its parent and dies where it is told to.

`python -m tools.world.agent [--trap DIR]`
"""
