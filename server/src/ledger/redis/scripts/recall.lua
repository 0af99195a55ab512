-- What an operation answered.
-- KEYS: meta, operation. ARGV[3] its digest.
local known = redis.call('GET', KEYS[2])
if not known then
  return {'none'}
end
local digest, answer = string.match(known, '^(%S*) (.*)$')
if digest ~= ARGV[3] then
  return {'reused'}
end
if answer == '' then
  return synced(ARGV[4] or '') or {'nothing'}
end
return synced(ARGV[4] or '') or {'found', answer}
