"""The plugin for napari: detection on the layer that is shown, folders, runs, sample data.

napari finds `napari.yaml` through an entry point and imports what it names.
Only `widget` imports napari's packages, and only napari imports `widget`.
"""
