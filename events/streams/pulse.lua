-- The head, and what is stored at one position: ids and hashes only, never an event.
-- KEYS: log   ARGV: position
-- -> {exists, now (us), head id, head's stored hash, found at the position, its stored hash,
--     id that the log begins with, and its stored hash (only if nothing is at the position)}
local function stored(entry)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'hash' then return entry[2][i + 1] end
  end
  return ''
end
-- What a replica holds proves nothing about the log: a server that was demoted under an open connection
-- refuses, as a write would be. (One that does not tell its role is taken as it is.)
local role = redis.pcall('INFO', 'replication')
if type(role) == 'string' and string.find(role, 'role:slave', 1, true) then
  return redis.error_reply('READONLY the server is no master any more')
end
local time = redis.call('TIME')
local at = string.format('%.0f', time[1] * 1000000 + time[2])
local newest = redis.pcall('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if newest['err'] then -- what is no stream is not the log, which is gone
  if string.find(newest['err'], 'WRONGTYPE', 1, true) then return {0, at, '0-0', '', 0, '', '', ''} end
  return newest
end
local last = newest[1]
if not last then return {redis.call('EXISTS', KEYS[1]), at, '0-0', '', 0, '', '', ''} end
local id = ARGV[1] .. '-0'
if id == last[1] then return {1, at, id, stored(last), 1, stored(last), '', ''} end
local known = redis.call('XRANGE', KEYS[1], id, id)[1]
if known then return {1, at, last[1], stored(last), 1, stored(known), '', ''} end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
return {1, at, last[1], stored(last), 0, '', first[1], stored(first)}
