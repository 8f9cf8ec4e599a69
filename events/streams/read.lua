-- XRANGE bounded in bytes as well as in count; an entry that is too large by itself comes alone.
-- KEYS: log   ARGV: behind this id, count, bytes
local from, count, room = '(' .. ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local out = {}
while #out < count do
  local want = math.min(8, count - #out)
  local chunk = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', want)
  for _, entry in ipairs(chunk) do
    for _, field in ipairs(entry[2]) do room = room - #field end
    if room < 0 and #out > 0 then return out end
    out[#out + 1] = entry
    from = '(' .. entry[1]
  end
  if #chunk < want then break end
end
return out
