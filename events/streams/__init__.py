"""The log on Redis Streams. With the membership adapter in ``services``, all that speaks to Redis."""
