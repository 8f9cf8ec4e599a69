-- Take or renew the claim on a replica id.
-- KEYS: claim   ARGV: instance, time to live (ms)
-- -> {instance that holds it now, ms that it still holds}
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  -- longer than anybody claims it, or for ever: the clock went back since, or somebody else has set it.
  -- Who lives renews it in a moment.
  local left = redis.call('PTTL', KEYS[1])
  if left == -1 or left > tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
  return {holder, redis.call('PTTL', KEYS[1])}
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {ARGV[1], tonumber(ARGV[2])}
