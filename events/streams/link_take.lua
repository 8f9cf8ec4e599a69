-- Take a one-time link: once, and only while it is the latest of its kind and person.
-- KEYS: link, credentials   ARGV: kind, digest
-- -> person, or nil
local found = redis.call('HMGET', KEYS[1], 'kind', 'person', 'latest')
if found[1] ~= ARGV[1] then return false end
redis.call('DEL', KEYS[1])
if redis.call('HGET', KEYS[2], found[3]) ~= ARGV[2] then return false end
redis.call('HDEL', KEYS[2], found[3])
return found[2]
