-- The entries of the log after a position.
-- KEYS: meta, log. ARGV from 3: position, how many at most, which write gave that position ('' = not known).
local after = tonumber(ARGV[3])
if after > revision then
  return {'behind', string.format('%.0f', revision)}
end
if after == revision then
  if ARGV[5] ~= '' and tip and tip ~= ARGV[5] then
    return {'forked', string.format('%.0f', revision)}
  end
  return {'page', {}}
end
local first = string.format('%.0f-0', after + 1)
local entries = redis.call('XRANGE', KEYS[2], first, '+', 'COUNT', ARGV[4])
if #entries == 0 then
  return {'compacted', string.format('%.0f', revision)}
end
if entries[1][1] ~= first then
  -- What is kept begins with this entry: it can be read on after the one before.
  return {'compacted', string.format('%.0f', tonumber(string.match(entries[1][1], '^%d+')) - 1)}
end
return {'page', entries}
