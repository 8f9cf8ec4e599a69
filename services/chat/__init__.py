"""The chat service: one replica's HTTP side. It reads live prompts and relays the model's bytes."""
