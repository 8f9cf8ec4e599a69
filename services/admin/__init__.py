"""The admin service: the edit API, and who has what."""
