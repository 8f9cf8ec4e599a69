-- Reap a replica that died: its group goes, and the last word that it did not say is said for it. Only
-- while nobody holds its claim, which whoever lives renews each second, and no other instance took over.
-- KEYS: log, claim, reports   ARGV: group, instance ('' if never heard of), last word, reports kept, a claim's time to live (ms)
-- -> 'reaped' | 'alive' (somebody holds the claim) | 'another' instance's group | 'gone' (no such group)
local left = redis.call('PTTL', KEYS[2])
if left ~= -2 then
  -- longer than anybody claims it, or for ever: the clock went back since, or somebody else has set it.
  -- Who lives renews it in a moment.
  if left == -1 or left > tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[2], ARGV[5]) end
  return 'alive'
end
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if consumers['err'] then return 'gone' end
for _, consumer in ipairs(consumers) do
  for i = 1, #consumer, 2 do
    if consumer[i] == 'name' and ARGV[2] ~= '' and consumer[i + 1] ~= ARGV[2] then return 'another' end
  end
end
redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[4], '*', 'report', ARGV[3])
return 'reaped'
