"""`gradwell vision`: train an image classifier, use it, measure it."""
