-- Compares the count of each tenant's stores with another one, and puts it right.
-- KEYS: meta, counts. ARGV from 3: the last change that the other one has, then tenant and stores in turn.
if doubt then
  return {'doubt', doubt}
end
if revision ~= tonumber(ARGV[3]) then
  return {'moved'}
end
local wanted, wrong, cursor = {}, 0, '0'
for i = 4, #ARGV, 2 do
  wanted[ARGV[i]] = tonumber(ARGV[i + 1])
end
local known = {}
repeat
  local page = redis.call('HSCAN', KEYS[2], cursor, 'COUNT', 1000)
  cursor = page[1]
  for i = 1, #page[2], 2 do
    known[page[2][i]] = page[2][i + 1]
  end
until cursor == '0'
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
for tenant, value in pairs(known) do
  local stores, till = string.match(value, '^(%d+) (%d+)$')
  stores, till = tonumber(stores) or 0, tonumber(till) or 0
  local right = wanted[tenant] or 0
  wrong = wrong + math.abs(stores - right)
  if right == 0 and till <= now then
    redis.call('HDEL', KEYS[2], tenant)
  elseif stores ~= right then
    redis.call('HSET', KEYS[2], tenant, string.format('%.0f %.0f', right, till))
  end
  wanted[tenant] = nil
end
for tenant, right in pairs(wanted) do
  wrong = wrong + right
  redis.call('HSET', KEYS[2], tenant, string.format('%.0f 0', right))
end
redis.call('HSET', KEYS[1], 'counted', epoch .. ' ' .. string.format('%.0f', revision))
return {'checked', string.format('%.0f', wrong)}
