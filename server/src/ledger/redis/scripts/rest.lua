-- How long a claim lasts unless it is renewed, in microseconds.
-- KEYS: meta, claims. ARGV[3] the id.
local held = redis.call('HGET', KEYS[2], ARGV[3])
local expires = held and tonumber(string.match(held, '^%d+ (%d+) '))
if not expires then
  return {'rest', '0'}
end
local time = redis.call('TIME')
return {'rest', string.format('%.0f', math.max(0, expires - (time[1] * 1000000 + time[2])))}
