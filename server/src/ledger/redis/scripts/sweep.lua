-- Removes tombstones that have become old.
-- KEYS: meta, stores, claims, tombstones. ARGV from 3: age in microseconds, how many at most.
if doubt then
  return {'doubt', doubt}
end
local time = redis.call('TIME')
local oldest = string.format('%.0f', time[1] * 1000000 + time[2] - tonumber(ARGV[3]))
local ids = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', oldest, 'LIMIT', 0, ARGV[4])
local swept = 0
for _, id in ipairs(ids) do
  local value = redis.call('HGET', KEYS[2], id)
  -- The mark of the record decides, not the index.
  if value and string.match(value, '^%d+ (%a) ') == 'D' then
    redis.call('HDEL', KEYS[2], id)
    redis.call('HDEL', KEYS[3], id)
    swept = swept + 1
  end
  redis.call('ZREM', KEYS[4], id)
end
return {'swept', tostring(swept)}
