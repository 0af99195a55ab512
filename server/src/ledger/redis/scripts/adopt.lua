-- Begins another history with what there is, written over by some records; all or nothing.
-- KEYS: meta, log, claims, then records and tombstones of each kind in turn.
-- ARGV: epoch of the history that ends, epoch of the one that begins, then of each record in turn: the position of its
--       kind's records in KEYS, kind ('' = store), id, mark, record.
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
redis.call('DEL', KEYS[2], KEYS[3])
for i = 3, #ARGV, 5 do
  local at, kind, id, mark, record = tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  local records, tombstones = KEYS[at], KEYS[at + 1]
  revision = revision + 1
  local written = string.format('%.0f', revision)
  local entry = {'epoch', ARGV[2], 'record', record, 'id', id}
  if kind ~= '' then
    table.insert(entry, 'kind')
    table.insert(entry, kind)
  end
  redis.call('XADD', KEYS[2], written .. '-0', unpack(entry))
  -- The attempt has no owner: no delivery of any call has it.
  redis.call('HSET', records, id, written .. ' ' .. mark .. ' 0:' .. written .. ' ' .. record)
  if mark == 'D' then
    redis.call('ZADD', tombstones, micros, id)
  else
    redis.call('ZREM', tombstones, id)
  end
end
redis.call('HDEL', KEYS[1], 'doubt', 'tip')
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'adopted', ARGV[1], 'revision', string.format('%.0f', revision))
return {'adopted', string.format('%.0f', revision)}
