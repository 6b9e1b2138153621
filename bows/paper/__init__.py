"""The paper's claims, measured again from the runs of its presets."""
