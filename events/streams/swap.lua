-- Put the rebuilt log in the place of the log, if that is still the one that it was rebuilt from, and
-- nobody else could have written in between.
-- KEYS: log, rebuilt, fence
-- ARGV: holder, last id of the log ('' when there is no log), its stored hash, and the same of the rebuilt
-- -> 'swapped' | 'fenced' (or no longer) | 'unfinished' | 'moved'
local function last_of(key)
  if redis.call('TYPE', key)['ok'] ~= 'stream' then return '', '' end
  local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
  if not last then return '0-0', '' end
  for i = 1, #last[2], 2 do
    if last[2][i] == 'hash' then return last[1], last[2][i + 1] end
  end
  return last[1], ''
end
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 'fenced' end
local id, stored = last_of(KEYS[2])
if id == '' or id ~= ARGV[4] or stored ~= ARGV[5] then return 'unfinished' end
id, stored = last_of(KEYS[1])
if id ~= ARGV[2] or stored ~= ARGV[3] then return 'moved' end
redis.call('RENAME', KEYS[2], KEYS[1])
redis.call('DEL', KEYS[3])
return 'swapped'
