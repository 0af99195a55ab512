-- Begins a history, or finds the one that is there.
-- KEYS: meta, stores, log. ARGV: epoch of a new history, format of the keys and values.
local found = 'found'
if redis.call('HEXISTS', KEYS[1], 'epoch') == 0 then
  found = 'new'
  put_head(ARGV[1], ARGV[2], nil)
end
local epoch, format, revision = unpack(redis.call('HMGET', KEYS[1], 'epoch', 'format', 'revision'))
return {'begun', epoch, format or '', revision or '', found}
