-- Keeps an operation that found nothing.
-- KEYS: meta, records of the kind, operation. ARGV from 3: id, the operation's digest, its window in seconds.
if doubt then
  return {'doubt', doubt}
end
local known = redis.call('GET', KEYS[3])
if known then
  local digest, answer = string.match(known, '^(%S*) (.*)$')
  if digest ~= ARGV[4] then
    return {'reused'}
  end
  if answer == '' then
    return synced(ARGV[4] or '') or {'missing'}
  end
  return synced(ARGV[4] or '') or {'repeated', answer}
end
local current = redis.call('HGET', KEYS[2], ARGV[3])
if current and string.match(current, '^%d+ (%a) ') ~= 'D' then
  return {'conflict', current}
end
redis.call('SET', KEYS[3], ARGV[4] .. ' ', 'EX', ARGV[5])
return {'missing'}
