"""Pages and pictures about finished work: the report of a run, the report of a sweep."""
