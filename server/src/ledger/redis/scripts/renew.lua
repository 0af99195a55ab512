-- Renews claims, each of which is still held under its fence. One that ended and that no other owner took is held still.
-- KEYS: meta, claims. ARGV from 3: lease in microseconds, then of each claim in turn: id, fence.
if doubt then
  return {'doubt', doubt}
end
local time = redis.call('TIME')
local until_time = string.format('%.0f', time[1] * 1000000 + time[2] + tonumber(ARGV[3]))
local renewed = {}
for i = 4, #ARGV, 2 do
  local id, fence = ARGV[i], ARGV[i + 1]
  local held = redis.call('HGET', KEYS[2], id)
  local held_fence, owner = string.match(held or '', '^(%d+) %d+ (.*)$')
  local mine = held_fence == fence
  if mine then
    redis.call('HSET', KEYS[2], id, fence .. ' ' .. until_time .. ' ' .. owner)
  end
  table.insert(renewed, mine and '1' or '0')
end
return {'renewed', renewed}
