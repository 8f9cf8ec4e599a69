-- Make a one-time link; an earlier one of the same kind and person is worth nothing from now on.
-- KEYS: link, credentials   ARGV: time to live (ms), kind, person, field of the latest, digest
redis.call('HSET', KEYS[1], 'kind', ARGV[2], 'person', ARGV[3], 'latest', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[4], ARGV[5])
return 1
