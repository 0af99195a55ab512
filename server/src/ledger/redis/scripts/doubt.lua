-- Puts a history in doubt, or the emptiness in its place.
-- KEYS: meta, log, the records of each kind. ARGV: the caller's epoch, why, epoch of a new history, format of the keys and values.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
  put_head(ARGV[3], ARGV[4], ARGV[2])
elseif epoch == ARGV[1] then
  -- What was seen first is most likely the cause of the rest.
  if not redis.call('HGET', KEYS[1], 'doubt') then
    redis.call('HSET', KEYS[1], 'doubt', ARGV[2])
  end
elseif not redis.call('HGET', KEYS[1], 'doubt') then
  return {'replaced', epoch}
end
return {'doubted'}
