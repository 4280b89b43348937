"""`gradwell lab`: the claims, measured."""
