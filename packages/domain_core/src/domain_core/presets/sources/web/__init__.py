"""`https://`: presets on any web server."""
