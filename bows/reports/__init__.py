"""HTML reports of runs, sweeps and comparisons."""
