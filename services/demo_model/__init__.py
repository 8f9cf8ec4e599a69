"""The keyless demo model: enough of OpenAI's API to see what a saved prompt does."""
