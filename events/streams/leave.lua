-- Leave for good: the group and the claim go, if this instance still holds the claim.
-- KEYS: log, claim   ARGV: group, instance
-- -> 1 left, 0 another instance holds the claim
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1]) end
redis.call('DEL', KEYS[2])
return 1
