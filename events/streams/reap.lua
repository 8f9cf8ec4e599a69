-- Reap a replica that died: its group goes, and the last word that it did not say is said for it. Only
-- while nobody holds its claim, which whoever lives renews each second, and no other instance took over.
-- KEYS: log, claim, reports   ARGV: group, instance ('' if never heard of), last word, reports kept
-- -> 'reaped' | 'alive' (somebody holds the claim) | 'another' instance's group | 'gone' (no such group)
if redis.call('EXISTS', KEYS[2]) == 1 then return 'alive' end
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
