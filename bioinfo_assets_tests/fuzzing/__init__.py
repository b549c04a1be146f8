"""Every parser of outside text, on inputs that nobody meant: hypothesis in the suite, atheris by `make fuzz`."""
