"""Partners, places and drivers to try evmesh with: shipped, and used by tests and the demo."""
