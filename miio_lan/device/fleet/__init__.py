"""Many devices: asked at once, called by their names, found again where they moved, taken over from other files."""
