-- Put entries back as they were, behind the head that they continue, and keep everybody else out.
-- Checks first, writes last: the positions follow on the head, so that the first XADD fails or none.
-- KEYS: log (or the one being rebuilt), fence
-- ARGV: holder, time to live of the fence (ms; 0: it ends with this), head position, head's stored
--       hash, '1' if there is no entry and the first one comes behind that head all the same (what
--       lies before was trimmed), then of each entry: event, hash, at, kid, sig
-- -> {'put'|'fenced'|'closed'|'moved', head id, head's stored hash}
local fenced_by = redis.call('GET', KEYS[2])
if fenced_by and fenced_by ~= ARGV[1] then return {'fenced', '', ''} end
local kind = redis.call('TYPE', KEYS[1])['ok']
if kind ~= 'stream' and kind ~= 'none' then return {'closed', '', ''} end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local id, stored = '0-0', ''
if last then
  id = last[1]
  for i = 1, #last[2], 2 do
    if last[2][i] == 'hash' then stored = last[2][i + 1] end
  end
end
local begins = ARGV[5] == '1' and id == '0-0'
if not begins and (id ~= ARGV[3] .. '-0' or stored ~= ARGV[4]) then return {'moved', id, stored} end
local position = tonumber(ARGV[3])
for i = 6, #ARGV, 5 do
  local entry = {'event', ARGV[i], 'hash', ARGV[i + 1], 'at', ARGV[i + 2]}
  if ARGV[i + 3] ~= '' then
    entry[#entry + 1] = 'kid'
    entry[#entry + 1] = ARGV[i + 3]
  end
  if ARGV[i + 4] ~= '' then
    entry[#entry + 1] = 'sig'
    entry[#entry + 1] = ARGV[i + 4]
  end
  position = position + 1
  local put = redis.pcall('XADD', KEYS[1], string.format('%.0f-0', position), unpack(entry))
  if type(put) == 'table' and put['err'] then
    if i > 6 or not string.find(put['err'], 'XADD', 1, true) then return put end
    return {'closed', id, stored} -- ids were used behind the head: the stream takes these no more
  end
end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[2])
else
  redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
end
return {'put', '', ''}
