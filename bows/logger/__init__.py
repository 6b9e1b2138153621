"""Where metrics go: metrics.csv always, and what conf/logger chooses besides."""
