"""Gradwell in tools that others have made: thin, and loaded only by who asks for them."""
