-- The entries of the log behind a position.
-- KEYS: meta, log. ARGV from 3: position, how many at most.
local after = tonumber(ARGV[3])
if after > revision then
  return {'behind', string.format('%.0f', revision)}
end
if after == revision then
  return {'page', {}}
end
local first = string.format('%.0f-0', after + 1)
local entries = redis.call('XRANGE', KEYS[2], first, '+', 'COUNT', ARGV[4])
if #entries == 0 or entries[1][1] ~= first then
  return {'compacted'}
end
return {'page', entries}
