"""Gradwell in other people's tools: thin, and loaded only by who asks for them."""
