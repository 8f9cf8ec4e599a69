-- Begin to rebuild a log: everybody else is kept out, and what an earlier try has left goes.
-- KEYS: rebuilt, fence   ARGV: holder, time to live of the fence (ms)   -> 1 begun, 0 fenced
local fenced_by = redis.call('GET', KEYS[2])
if fenced_by and fenced_by ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('UNLINK', KEYS[1])
return 1
