"""``promptcast dev``: the whole system on one machine, as processes under one supervisor."""
