"""The paper, measured again: what each of its figures says, from the runs of its preset."""
