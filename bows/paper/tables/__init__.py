"""What the paper's figures are drawn from: a function a table, of the runs of a figure's preset."""
