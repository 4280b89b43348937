"""One file for each rule; the file name is its code and its name."""
