-- Keep a snapshot, but only forward: one of a later position is never overwritten by an earlier one.
-- KEYS: snapshot   ARGV: position, body
-- -> 1 kept, 0 there is a later one
local known = tonumber(redis.call('HGET', KEYS[1], 'position') or '-1')
if known >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'position', ARGV[1], 'body', ARGV[2])
return 1
