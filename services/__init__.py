"""Services: the processes at the edge, and all that touches the world. Nothing imports them."""
