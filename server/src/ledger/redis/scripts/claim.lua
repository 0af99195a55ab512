-- Takes or renews the claim of a resource. A claim is '<fence> <expiry in microseconds> <owner>'.
-- KEYS: meta, claims. ARGV from 3: id, owner, lease in microseconds.
if doubt then
  return {'doubt', doubt}
end
local id, owner, lease = ARGV[3], ARGV[4], tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local fence
local held = redis.call('HGET', KEYS[2], id)
if held then
  local held_fence, expires, holder = string.match(held, '^(%d+) (%d+) (.*)$')
  if holder == owner then
    fence = held_fence
  elseif tonumber(expires) > now then
    return {'held'}
  end
end
-- One counter for all, so that a fence is never used twice, even if the claim was given back or swept.
fence = fence or string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'fence', 1))
local until_time = string.format('%.0f', now + lease)
redis.call('HSET', KEYS[2], id, fence .. ' ' .. until_time .. ' ' .. owner)
return {'claimed', fence, until_time}
