-- Take the fence away, if it is this holder's.
-- KEYS: fence   ARGV: holder   -> 1 it was, 0 it was not
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
