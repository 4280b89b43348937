"""Gradwell in other tools: thin adapters, each imported only when it is used."""
