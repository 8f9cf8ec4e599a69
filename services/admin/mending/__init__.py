"""What an operator does to a log: import, repair."""
