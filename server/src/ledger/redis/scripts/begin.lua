-- Begins a history, or finds the one that is there.
-- KEYS: meta, log, the records of each kind. ARGV: epoch of a new history, format of the keys and values.
local found = 'found'
if not redis.call('HGET', KEYS[1], 'epoch') then
  found = 'new'
  put_head(ARGV[1], ARGV[2], nil)
end
local epoch, format, revision = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'format', 'revision'))
return {'begun', epoch, format or '', revision or '', found}
