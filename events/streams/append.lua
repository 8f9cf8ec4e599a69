-- Compare-and-append. Checks first, XADD last: a script that fails half-way is not rolled back.
-- KEYS: log, fence   ARGV: head position, head's stored hash, not_after (us), event, hash, kid, sig
-- -> {'appended'|'fenced'|'moved'|'expired', now (us), head id, head's stored hash}
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local id, stored = '0-0', ''
if last then
  id = last[1]
  for i = 1, #last[2], 2 do
    if last[2][i] == 'hash' then stored = last[2][i + 1] end
  end
end
local at = string.format('%.0f', now)
if redis.call('EXISTS', KEYS[2]) == 1 then return {'fenced', at, id, stored} end
if id ~= ARGV[1] .. '-0' or stored ~= ARGV[2] then return {'moved', at, id, stored} end
if now > tonumber(ARGV[3]) then return {'expired', at, id, stored} end
local entry = {'event', ARGV[4], 'hash', ARGV[5], 'at', at}
if ARGV[7] ~= '' then
  for _, field in ipairs({'kid', ARGV[6], 'sig', ARGV[7]}) do entry[#entry + 1] = field end
end
redis.call('XADD', KEYS[1], string.format('%.0f-0', ARGV[1] + 1), unpack(entry))
return {'appended', at, '', ''}
