"""One chain of trivial steps for each sample, with the same scripts in four workflow managers."""
