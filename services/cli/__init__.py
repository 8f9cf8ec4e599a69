"""The command line: the edit API from a terminal or a pipeline, and the services' entry points."""
