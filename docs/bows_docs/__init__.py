"""What of the documentation is made from the code each time it is built."""
