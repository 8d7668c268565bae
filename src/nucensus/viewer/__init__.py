"""The plugin for napari: detection on the layer that is shown, folders, runs, sample data.

napari finds `napari.yaml` through an entry point and imports what it names.
Only the modules of widgets import napari's packages, and only napari imports them.
"""
