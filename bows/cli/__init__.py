"""What the Hydra commands share: checks of the command line, one-line errors, resuming."""
