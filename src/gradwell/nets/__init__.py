"""Layers and what can be said of them (torch only)."""
