-- The stored value of one resource.
-- KEYS: meta, records of its kind. ARGV[3] the id.
local value = redis.call('HGET', KEYS[2], ARGV[3])
if not value then
  return {'none'}
end
return {'found', value}
