"""One module for each kind of promise; each function takes the facts and gives violations. Pure."""
