"""Access: who asks, what they may do, and the calls about people and keys."""
