"""Text for people and files: names, plurals, SVG, files that appear whole."""
