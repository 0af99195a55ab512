-- Gives a claim back, if it is still held under its fence.
-- KEYS: meta, claims. ARGV from 3: id, fence.
local held = redis.call('HGET', KEYS[2], ARGV[3])
if held and string.match(held, '^(%d+) ') == ARGV[4] then
  redis.call('HDEL', KEYS[2], ARGV[3])
end
return {'released'}
