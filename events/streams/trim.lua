-- Let the oldest entries of a log go, some at a time: only while it is the log of which it was decided, and
-- what every group has been given. Checks first, the one write last.
-- KEYS: log, fence   ARGV: the last position to go, entries at most, position of an entry that the log must
--                          hold behind that, its stored hash
-- -> {'trimmed', how many went, how many are left to go} | {'fenced'|'moved'|'behind', group, 0}
if redis.call('EXISTS', KEYS[2]) == 1 then return {'fenced', '', 0} end
local through, said = tonumber(ARGV[1]), ARGV[3] .. '-0'
local entry = redis.call('XRANGE', KEYS[1], said, said)[1]
local stored = ''
if entry then
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'hash' then stored = entry[2][i + 1] end
  end
end
if not entry or stored ~= ARGV[4] or tonumber(ARGV[3]) <= through then return {'moved', '', 0} end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local begins = tonumber(string.match(first[1], '^(%d+)'))
if begins > through then return {'trimmed', 0, 0} end
local next_id = string.format('%.0f-0', through + 1)
if not redis.call('XRANGE', KEYS[1], next_id, next_id)[1] then return {'moved', '', 0} end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local name, delivered = '', 0
  for i = 1, #group, 2 do
    if group[i] == 'name' then name = group[i + 1] end
    if group[i] == 'last-delivered-id' then
      delivered = tonumber(string.match(group[i + 1], '^(%d+)'))
    end
  end
  if delivered < through then return {'behind', name, 0} end
end
local upto = math.min(begins + ARGV[2], through + 1)
local gone = redis.call('XTRIM', KEYS[1], 'MINID', '=', string.format('%.0f-0', upto))
return {'trimmed', gone, through + 1 - upto}
