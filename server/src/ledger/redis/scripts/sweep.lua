-- Removes tombstones that have become old.
-- KEYS: meta, claims, uses of tokens, then records and tombstones of each kind in turn.
-- ARGV from 3: age in microseconds, how many at most, then what precedes the id in the claims, for each kind in turn.
if doubt then
  return {'doubt', doubt}
end
local time = redis.call('TIME')
local oldest = string.format('%.0f', time[1] * 1000000 + time[2] - tonumber(ARGV[3]))
local most, swept = tonumber(ARGV[4]), 0
for kind = 0, (#KEYS - 3) / 2 - 1 do
  local records, tombstones, claim = KEYS[4 + 2 * kind], KEYS[5 + 2 * kind], ARGV[5 + kind]
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', tombstones, '-inf', oldest, 'LIMIT', 0, most - swept)) do
    local value = redis.call('HGET', records, id)
    -- The mark of the record decides, not the index.
    if value and string.match(value, '^%d+ (%a) ') == 'D' then
      redis.call('HDEL', records, id)
      redis.call('HDEL', KEYS[2], claim .. id)
      redis.call('HDEL', KEYS[3], claim .. id)
      swept = swept + 1
    end
    redis.call('ZREM', tombstones, id)
  end
end
return {'swept', tostring(swept)}
