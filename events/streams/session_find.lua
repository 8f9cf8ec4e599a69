-- A session that has not ended; it is touched when its last touch is old enough.
-- KEYS: session   ARGV: idle limit, absolute limit, least time between two touches (ms)
-- -> {person, role, csrf, position, made_at (us), expires_at (us)}, or nil
local found = redis.call('HMGET', KEYS[1], 'person', 'role', 'csrf', 'position', 'made_at')
if not found[5] then return false end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left = math.floor(found[5] / 1000) + ARGV[2] - now
if left <= 0 then return false end
local whole = math.min(tonumber(ARGV[1]), left)
local ttl = redis.call('PTTL', KEYS[1])
if ttl < 0 or ttl > whole or ttl < whole - ARGV[3] then
  -- pcall: a server that takes no writes for now must not sign everybody out
  redis.pcall('PEXPIRE', KEYS[1], whole)
  ttl = whole
end
found[6] = string.format('%.0f', (now + ttl) * 1000)
return found
