"""`gradwell text`: fastText's command line, one file for each group of commands."""
