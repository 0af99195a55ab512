-- Begins every script: is this still the history that the caller began with?
-- KEYS[1] meta. ARGV[1] the caller's epoch, ARGV[2] the highest revision it has seen.
local epoch, revision, doubt, tip, counted = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'revision', 'doubt', 'tip', 'counted'))
if epoch ~= ARGV[1] then
  return {'replaced', epoch or ''}
end
revision = tonumber(revision)
if not revision then
  return redis.error_reply('CORRUPT the last revision is missing')
end
if revision < tonumber(ARGV[2]) then
  return {'behind', string.format('%.0f', revision)}
end
