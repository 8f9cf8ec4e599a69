-- Make a session; it has its idle limit from the first moment on.
-- KEYS: session   ARGV: idle limit (ms), person, role, csrf, position
-- -> now (us)
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000000 + time[2])
redis.call('HSET', KEYS[1], 'person', ARGV[2], 'role', ARGV[3], 'csrf', ARGV[4],
  'position', ARGV[5], 'made_at', now)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return now
