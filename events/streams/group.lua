-- Claim the replica id, and open a fresh consumer group at a position, in one step.
-- KEYS: log, claim   ARGV: group, instance, time to live of the claim (ms), position
-- -> 'opened' | 'missing' (no log) | 'lost' (another instance holds the claim)
local holder = redis.call('GET', KEYS[2])
if holder and holder ~= ARGV[2] then return 'lost' end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
if redis.call('EXISTS', KEYS[1]) == 0 then return 'missing' end
redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], ARGV[4] .. '-0', 'ENTRIESREAD', ARGV[4])
redis.call('XGROUP', 'CREATECONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 'opened'
