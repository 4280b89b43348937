"""`gradwell translate`: train a translator, use it, measure it, look inside it."""
