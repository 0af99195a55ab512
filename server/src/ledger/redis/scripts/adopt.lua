-- Begins another history with what there is, written over by some records; all or nothing.
-- KEYS: meta, stores, log, claims, duties, tombstones.
-- ARGV: epoch of the history that ends, epoch of the one that begins, then id, mark and record of each store in turn.
local epoch, revision = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'revision'))
if epoch == ARGV[2] then
  -- The same call, delivered before.
  return {'adopted', revision}
end
if epoch ~= ARGV[1] then
  return {'replaced', epoch or ''}
end
revision = tonumber(revision)
if not revision then
  return redis.error_reply('CORRUPT the last revision is missing')
end
local now = redis.call('TIME')
local micros = string.format('%.0f', now[1] * 1000000 + now[2])
redis.call('DEL', KEYS[3], KEYS[4], KEYS[5])
for i = 3, #ARGV, 3 do
  local id, mark, record = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  revision = revision + 1
  local written = string.format('%.0f', revision)
  redis.call('XADD', KEYS[3], written .. '-0', 'epoch', ARGV[2], 'record', record, 'id', id)
  -- The attempt is nobody's: no delivery of any call has it.
  redis.call('HSET', KEYS[2], id, written .. ' ' .. mark .. ' 0:' .. written .. ' ' .. record)
  if mark == 'D' then
    redis.call('ZADD', KEYS[6], micros, id)
  else
    redis.call('ZREM', KEYS[6], id)
  end
end
redis.call('HDEL', KEYS[1], 'doubt', 'tip')
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'adopted', ARGV[1], 'revision', string.format('%.0f', revision))
return {'adopted', string.format('%.0f', revision)}
